/* lines.h - a golden file line by line. Included by one test once, behind enum LINE, the longest there is, and MOST numbers in
 * it. */
#ifndef LINES_H
#define LINES_H

static FILE *file;
static char  line[LINE];
static bool  held; /* a line was read that belongs to the next case */

static bool next_line(void)
{
    if (held) return !(held = false);
    do {
        if (fgets(line, LINE, file) == NULL) return false;
    } while (line[0] == '#');
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static int numbers(const char *text, double *v)
{
    int n = 0;
    for (char *end;; text = end) {
        double x = strtod(text, &end);
        if (end == text) return n;
        assert_true(n < MOST);
        v[n++] = x;
    }
}

static void open_lines(void)
{
    file = fopen(GOLDEN_FILE, "r");
    if (file == NULL) fail_msg("%s: cannot be read", GOLDEN_FILE);
    held = false;
}

#endif
