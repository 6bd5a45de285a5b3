/** output/terminal.h - is there a person at the other end of a stream, and how wide is the window? */
#ifndef HOOP_OUTPUT_TERMINAL_H
#define HOOP_OUTPUT_TERMINAL_H

#include <stdbool.h>

/**
 * True if `fd` ends in a terminal that a line can be redrawn on; *columns is its width. Open MPI's
 * mpirun gives each rank a pseudo-terminal even when its own output goes to a file; it has no width, and then what counts is
 * the output of the first process above us that has another one. TERM=dumb is no terminal.
 */
bool hoop__terminal_find(int fd, int *columns);
/** True if colours are welcome: NO_COLOR is unset or empty (no-color.org). */
bool hoop__terminal_colours(void);

#endif
