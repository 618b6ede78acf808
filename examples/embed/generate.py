#!/usr/bin/env python3
"""generate.py LIBRARY WEIGHTS PROMPT - the same model from Python, without a package.

  thalweg compile ../shakespeare/model.yaml --emit=shared -o .
  python3 generate.py ./libshakespeare.so shakespeare.weights 'ROMEO:'
"""
import ctypes
import sys

VOCAB, CONTEXT = 256, 256  # as shakespeare.h says


def main(path, weights, text):
    library = ctypes.CDLL(path)
    library.shakespeare_error_text.restype = ctypes.c_char_p
    library.shakespeare_logits.restype = ctypes.POINTER(ctypes.c_float)
    library.shakespeare_snapshot.restype = ctypes.c_int64

    def need(error):
        if error:
            sys.exit(library.shakespeare_error_text(error).decode())

    model, session = ctypes.c_void_p(), ctypes.c_void_p()
    need(library.shakespeare_open(weights.encode(), ctypes.byref(model)))
    need(library.shakespeare_session_new(model, None, ctypes.byref(session)))
    prompt = text.encode()
    tokens = (ctypes.c_int32 * len(prompt))(*prompt)
    need(library.shakespeare_prefill(session, tokens, ctypes.c_int64(len(prompt))))
    while library.shakespeare_snapshot(session) < CONTEXT:
        logits = library.shakespeare_logits(session, ctypes.c_int64(0))[:VOCAB]
        token = max(range(VOCAB), key=logits.__getitem__)
        sys.stdout.buffer.write(bytes([token]))
        need(library.shakespeare_step(session, ctypes.c_int32(token)))
    library.shakespeare_session_free(session)
    library.shakespeare_close(model)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
