/** command/data.h - subcommands of hoop data that stand in a file of their own. */
#ifndef HOOP_COMMAND_DATA_H
#define HOOP_COMMAND_DATA_H

int data_import_text(int argc, char **argv);
int data_import_images(int argc, char **argv);
int data_info(int argc, char **argv);
int data_verify(int argc, char **argv);

#endif
