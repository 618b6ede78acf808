// generate.cpp - the same model from C++: what C opens, an owner closes.
//
//   thalweg compile ../shakespeare/model.yaml -o .
//   c++ -std=c++17 generate.cpp shakespeare.o $(pkg-config --cflags --libs thalweg_rt-openmp) -o generate
#include "shakespeare.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

static void need(int error) {
    if (error) throw std::runtime_error(shakespeare_error_text(error));
}

struct Model {
    shakespeare_model *model;
    explicit Model(const char *weights) { need(shakespeare_open(weights, &model)); }
    ~Model() { shakespeare_close(model); }
};

struct Session {
    shakespeare_session *session;
    explicit Session(Model &model) {
        need(shakespeare_session_new(model.model, nullptr, &session));
    }
    ~Session() { shakespeare_session_free(session); }

    int32_t most_likely() const {
        const float *logits = shakespeare_logits(session, 0);
        return int32_t(std::max_element(logits, logits + SHAKESPEARE_VOCAB) - logits);
    }
};

// This model's tokens are bytes, which char does not say of those from 128 on.
static std::vector<int32_t> bytes_of(const std::string &text) {
    std::vector<int32_t> tokens;
    for (unsigned char byte : text) tokens.push_back(byte);
    return tokens;
}

int main(int argc, char **argv) try {
    if (argc != 3) throw std::runtime_error("expected the file of weights, and a prompt");
    Model model(argv[1]);
    Session session(model);
    const std::string text = argv[2];
    const std::vector<int32_t> prompt = bytes_of(text);
    need(shakespeare_prefill(session.session, prompt.data(), int64_t(prompt.size())));
    while (shakespeare_snapshot(session.session) < SHAKESPEARE_CONTEXT) {
        const int32_t token = session.most_likely();
        std::cout.put(char(token));
        need(shakespeare_step(session.session, token));
    }
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
