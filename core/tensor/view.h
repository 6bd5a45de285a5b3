/** core/tensor/view.h - what is asked of a hoop_view: by kernels, shape rules, tensors and the tape. */
#ifndef HOOP_VIEW_H
#define HOOP_VIEW_H

#include "hoop/tensor.h"

struct hoop_kernels;

void    hoop__view_set(hoop_view *v, hoop_dtype dtype, int ndim, const int64_t *shape); /* contiguous strides */
bool    hoop__view_contiguous(const hoop_view *v);
int64_t hoop__view_numel(const hoop_view *v);
bool    hoop__same_shape(const hoop_view *a, const hoop_view *b);
/* any strides to contiguous: all elements of x, or n from number `first` on to their place in out */
void hoop__view_copy(const struct hoop_kernels *k, const hoop_view *x, void *out);
void hoop__view_copy_range(const struct hoop_kernels *k, const hoop_view *x, int64_t first, int64_t n, void *out);

const char *hoop__view_describe(const hoop_view *v, char *out, size_t size); /* "f32 (2, 3)" */

#endif
