/* copying.h - whether a head makes tokens that it attends to likelier: of the matrix W_E OV W_U,
 * from token to token, the sum of the eigenvalues over the sum of their absolute values, from -1 to
 * 1 (Elhage et al. 2021). They are those of the [head_dim, head_dim] matrix (W_O W_U)(W_E W_V), and
 * 0.
 */
#ifndef FRONTEND_COPYING_H
#define FRONTEND_COPYING_H

#include "frontend/lens/circuits.h"

/* out[heads]; no number where all eigenvalues are 0. Takes memory for the stream's width squared,
 * which all heads share. False: reported. */
bool copying_find(const Circuits *circuits, double *out);

#endif
