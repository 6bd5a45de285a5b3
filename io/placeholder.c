typedef int hoop_io_placeholder;
