/* News and warnings of a trainer, a line each, to whoever made it. */
#include "train/trainer.h"

#include <stdarg.h>
#include <stdio.h>

void hoop__note(const hoop_trainer *tr, const char *format, ...)
{
    char    text[HOOP_ERROR_TEXT];
    va_list args;
    if (tr->opts.note == NULL) return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tr->opts.note(tr->opts.ctx, text);
}

void hoop_trainer_note(const hoop_trainer *tr, const char *text)
{
    if (tr->opts.note != NULL) tr->opts.note(tr->opts.ctx, text);
}
