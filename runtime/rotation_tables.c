/* rotation_tables.c - tables of cos and sin, in double precision and rounded once. */
#include "runtime/rotation_tables.h"

#include <math.h>
#include <string.h>

static bool check_rotation(const TwProgram *program, const TwRotation *rotation) {
    const int64_t copies = rotation->is_interleaved ? 2 : 1;
    int64_t floats, end;
    if (rotation->pairs < 1 || rotation->columns / copies < rotation->pairs) return false;
    if (rotation->offset < 0 || !rotation->frequency) return false;
    return !__builtin_mul_overflow(program->context, rotation->columns, &floats) &&
           !__builtin_mul_overflow(floats, (int64_t)2, &floats) &&
           !__builtin_add_overflow(floats, rotation->offset, &end) && end <= program->table_floats;
}

bool tw_rotation_tables_check(const TwProgram *program) {
    if (program->table_floats < 0 || program->rotation_count < 0) return false;
    if (program->rotation_count && !program->rotation) return false;
    for (int64_t i = 0; i < program->rotation_count; i++)
        if (!check_rotation(program, &program->rotation[i])) return false;
    return true;
}

static void fill_position(const TwRotation *rotation, int64_t position, float *cosines) {
    float *sines = cosines + rotation->columns;
    memset(cosines, 0, 2 * (size_t)rotation->columns * sizeof *cosines);
    for (int64_t i = 0; i < rotation->pairs; i++) {
        const double angle = (double)position * rotation->frequency[i];
        const float c = (float)(rotation->scale * cos(angle));
        const float s = (float)(rotation->scale * sin(angle));
        if (rotation->is_interleaved) {
            cosines[2 * i] = cosines[2 * i + 1] = c;
            sines[2 * i] = -s;
            sines[2 * i + 1] = s;
        } else {
            cosines[i] = c;
            sines[i] = s;
        }
    }
}

void tw_rotation_tables_fill(const TwProgram *program, int64_t begin, int64_t end, float *tables) {
    for (int64_t i = 0; i < program->rotation_count; i++) {
        const TwRotation *rotation = &program->rotation[i];
        for (int64_t p = begin; p < end; p++)
            fill_position(rotation, p, tables + rotation->offset + p * 2 * rotation->columns);
    }
}
