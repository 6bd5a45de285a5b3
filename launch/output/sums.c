#include "output/sums.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *hoop__metric_text(const hoop_metric_value *v, char *out, size_t size)
{
    if (v->metric->format != NULL)
        v->metric->format(v->value, out, size);
    else
        (void)snprintf(out, size, "%.6g", v->value);
    return out;
}

/* "accuracy 97.21%", with what is before it: the name of a target and its loss, or nothing */
static void add_metrics(const hoop_target_sums *t, bool brief, char *out, size_t size)
{
    char text[40];
    for (int i = 0; i < t->nmetrics; i++) {
        const hoop_metric_value *v  = &t->metric[i];
        const size_t             at = strlen(out);
        if (isnan(v->value)) continue;
        (void)snprintf(out + at, size - at, "%s%s %s", at > 0 ? " " : "",
                       brief && v->metric->brief != NULL && strcmp(v->name, v->metric->name) == 0 ? v->metric->brief : v->name,
                       hoop__metric_text(v, text, sizeof text));
    }
}

const char *hoop__sums_text(const hoop_metrics_sums *s, bool brief, char out[HOOP__SUMS_TEXT])
{
    out[0] = '\0';
    if (s->ntargets == 1) add_metrics(&s->target[0], brief, out, HOOP__SUMS_TEXT);
    for (int k = 0; s->ntargets > 1 && k < s->ntargets; k++) {
        const hoop_target_sums *t  = &s->target[k];
        const size_t            at = strlen(out);
        char                    one[HOOP__SUMS_TEXT];
        if (!(t->weight > 0)) continue; /* of a model of the caller's own: not known */
        (void)snprintf(one, sizeof one, "%.64s %.4g", t->name, t->loss / t->weight);
        add_metrics(t, brief, one, sizeof one);
        if (at + strlen(one) + 3 > HOOP__SUMS_TEXT) break;
        (void)snprintf(out + at, HOOP__SUMS_TEXT - at, "%s%s", at > 0 ? "  " : "", one);
    }
    return out;
}

double hoop__sums_loss(const hoop_metrics_sums *s)
{
    return s->weight > 0 ? s->loss / s->weight : (double)NAN;
}
