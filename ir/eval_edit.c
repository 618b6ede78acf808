/* eval_edit.c - what an edit makes of the columns that it changes. */
#include "ir/eval.h"

#include <string.h>

/* v: the operand's columns that meet x[columns]; null: all 1. */
static void set(double *x, const double *v, int64_t columns, double strength) {
    for (int64_t c = 0; c < columns; c++) x[c] = v ? strength * v[c] : strength;
}

static void add(double *x, const double *v, int64_t columns, double strength) {
    for (int64_t c = 0; c < columns; c++) x[c] += strength * v[c];
}

/* A direction of length 0 is none: nothing is taken out. */
static void project_out(double *x, const double *v, int64_t columns, double strength) {
    const double size = eval_dot(v, v, columns);
    if (size > 0) add(x, v, columns, -strength * eval_dot(x, v, columns) / size);
}

static void edit_row(const Attrs *attr, double *x, const double *v, double strength) {
    const int64_t columns = attr->to - attr->from, part = columns / attr->groups;
    switch (attr->edit) {
    case EDIT_scale:
        for (int64_t c = 0; c < columns; c++) x[c] *= strength;
        return;
    case EDIT_set:
    case EDIT_patch: set(x, v, columns, strength); return;
    case EDIT_add: add(x, v, columns, strength); return;
    case EDIT_project_out:
        for (int64_t c = 0; c < columns; c += part) project_out(x + c, v + c, part, strength);
    }
}

/* Of a row whose operand is part of the graph. */
static void edit_by_constant(const Eval *e, int64_t r, double *x) {
    const Attrs *attr = &e->node->attr;
    const Tensor *operand = &e->in[1];
    const double *v = operand->at ? operand->at + attr->first : NULL;
    const int64_t position = e->step->position + r;
    if (attr->edit == EDIT_patch) {
        if (position >= operand->rows) return;
        v += position * operand->columns;
    }
    edit_row(attr, x, v, attr->strength);
}

static void edit_by_caller(Eval *e, int64_t r, double *x) {
    const Attrs *attr = &e->node->attr;
    const int64_t columns = attr->to - attr->from;
    GivenEdit given = {0};
    if (!e->give || !e->give(e->give_context, e->node, e->step->position + r, &given)) return;
    double *v = NULL;
    if (attr->columns) {
        v = given.row ? eval_scratch(e, columns) : NULL;
        if (!v) return;
        for (int64_t c = 0; c < columns; c++) v[c] = (double)given.row[attr->first + c];
    }
    edit_row(attr, x, v, given.strength);
}

void eval_edit(Eval *e) {
    const Attrs *attr = &e->node->attr;
    const int64_t columns = e->out.columns;
    memcpy(e->out.at, e->in[0].at, (size_t)(e->out.rows * columns) * sizeof *e->out.at);
    for (int64_t r = 0; r < e->out.rows && !e->failed; r++) {
        double *x = e->out.at + r * columns + attr->from;
        if (attr->given)
            edit_by_caller(e, r, x);
        else
            edit_by_constant(e, r, x);
    }
}
