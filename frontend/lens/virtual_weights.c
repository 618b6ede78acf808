#include "frontend/lens/virtual_weights.h"

#include "frontend/compiler/compiler.h"

#include <math.h>

typedef struct {
    const Circuits *of;
    StreamUnit writer, reader;
    const float *writes; /* [rows][width] */
    int64_t rows;
} Path;

static int64_t rows_of(StreamUnit unit) {
    return unit.branch->is_attention ? unit.branch->head_dim : 1;
}

static float *room(const Path *path, int64_t rows, int64_t columns) {
    return ARENA_ARRAY(path->of->weights->thalweg->arena, float, (size_t)(rows * columns));
}

static bool read_writer(Path *path) {
    const StreamWeights *weights = path->of->weights;
    const StreamBranch *branch = path->writer.branch;
    path->rows = rows_of(path->writer);
    float *rows = room(path, path->rows, weights->width);
    path->writes = rows;
    if (branch->is_attention)
        return circuits_read(path->of, branch, HEAD_O, path->writer.number, 1, rows);
    if (!stream_neurons(weights, branch, NEURON_OUT, path->writer.number, 1, rows))
        return stream_weights_report(weights, &branch->out);
    circuits_frame_writes(path->of, 1, rows);
    return true;
}

/* A part of the reader behind its norm, whose gain belongs to the path in every frame. */
static bool read_reader(const Path *path, int part, float *rows) {
    const StreamWeights *weights = path->of->weights;
    const StreamBranch *branch = path->reader.branch;
    const StreamMatrix *matrix[] = {&branch->in, &branch->linear};
    Circuits with_gain = *path->of;
    if (branch->is_attention) {
        const int64_t share = branch->heads / circuits_part_heads(branch, (HeadPart)part);
        if (!circuits_read(path->of, branch, (HeadPart)part, path->reader.number / share, 1, rows))
            return false;
    } else {
        if (!stream_neurons(weights, branch, part ? NEURON_LINEAR : NEURON_IN, path->reader.number,
                            1, rows))
            return stream_weights_report(weights, matrix[part]);
    }
    if (branch->is_attention && path->of->frame == FRAME_processed) return true;
    with_gain.frame = FRAME_processed; /* centred where the frame is */
    return circuits_frame_reads(&with_gain, &branch->norm, rows_of(path->reader), rows);
}

static double squares(const float *value, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)value[i] * (double)value[i];
    return sum;
}

static void multiply(const Path *path, const float *reads, VirtualWeights *out) {
    const int64_t width = path->of->weights->width;
    out->value = room(path, out->rows, out->columns);
    for (int64_t i = 0; i < out->rows; i++)
        for (int64_t j = 0; j < out->columns; j++) {
            double sum = 0;
            for (int64_t c = 0; c < width; c++)
                sum += (double)path->writes[i * width + c] * (double)reads[j * width + c];
            out->value[i * out->columns + j] = (float)sum;
        }
    out->norm = sqrt(squares(out->value, out->rows * out->columns));
    const double most =
        sqrt(squares(path->writes, out->rows * width)) * sqrt(squares(reads, out->columns * width));
    out->share = most > 0 ? out->norm / most : NAN;
}

int virtual_weights_find(const Circuits *circuits, StreamUnit writer, StreamUnit reader,
                         VirtualWeights out[VIRTUAL_MOST]) {
    static const char *const of_head[] = {"q", "k", "v"}, *const of_neuron[] = {"in", "linear"};
    Thalweg *thalweg = circuits->weights->thalweg;
    Path path = {.of = circuits, .writer = writer, .reader = reader};
    const bool is_head = reader.branch->is_attention;
    const int parts = is_head ? 3 : reader.branch->linear.node ? 2 : 1;
    if (!circuits_reads(reader.branch, writer.branch)) {
        diag_error(&thalweg->diag, (Loc){0}, "%s does not read what %s writes: it is no later one",
                   unit_name(reader, thalweg->arena), unit_name(writer, thalweg->arena));
        return 0;
    }
    if (!read_writer(&path)) return 0;
    float *reads = room(&path, rows_of(reader), circuits->weights->width);
    for (int part = 0; part < parts; part++) {
        if (!read_reader(&path, part, reads)) return 0;
        out[part] = (VirtualWeights){.part = is_head ? of_head[part] : of_neuron[part],
                                     .rows = path.rows,
                                     .columns = rows_of(reader)};
        multiply(&path, reads, &out[part]);
    }
    return parts;
}
