"""templates.py RENDERER - chat templates as models ship them, against Jinja itself.

Takes the *.jinja of the folder THALWEG_TEMPLATES, and renders each over talks with and without a
system prompt, tools, reasoning and a prompt for the answer, by `render_template` and by Jinja as
transformers configures it (python3-jinja2). Whatever Jinja writes must be the same, byte for byte.
77: there is no Jinja, or no folder.
"""
import datetime, glob, itertools, json, os, subprocess, sys, tempfile, time

try:
    import jinja2, jinja2.ext, jinja2.nodes
    from jinja2.sandbox import SandboxedEnvironment
except ImportError:
    sys.exit(77)
FOLDER = os.environ.get("THALWEG_TEMPLATES", "")
if not glob.glob(FOLDER + "/*.jinja"):
    sys.exit(77)
NOW = 1785000000  # as render_template.c has it
os.environ["TZ"] = "UTC"
time.tzset()


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("write"), [], [], body).set_lineno(line)

    def write(self, caller):
        return caller()


def fail(message):
    raise jinja2.exceptions.TemplateError(message)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters.update(tojson=to_json, from_json=json.loads)
    env.globals.update(raise_exception=fail,
                       strftime_now=lambda form: datetime.datetime.fromtimestamp(NOW).strftime(form))
    return env


SYSTEM = {"role": "system", "content": "You are  helpful. "}
USER = {"role": "user", "content": '  What is 2+2? <b>\u00e9</b> "q"\n'}
MORE = {"role": "user", "content": "And 3+3?"}
ANSWER = {"role": "assistant", "content": "It is 4.\n"}
THOUGHT = {"role": "assistant", "content": "<think>\nhm\n</think>\n\nSix."}
REASONED = {"role": "assistant", "reasoning_content": "think", "content": "done"}
PARTS = {"role": "user", "content": [{"type": "text", "text": "hello parts"}]}
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": 'Get <the> weather\'s "now"',
    "parameters": {"type": "object", "required": ["location"], "properties": {
        "location": {"type": "string", "description": "City \u00e9"}, "days": {"type": "integer", "enum": [1, 2]},
        "unit": {"type": ["string", "null"], "enum": ["c", "f"]}, "list": {"type": "array", "items": {"type": "string"}}}}}}]
CALL = {"role": "assistant", "content": "", "tool_calls": [{"id": "call_1", "type": "function", "function": {
    "name": "get_weather", "arguments": {"location": "Paris", "x": [1, 2.5, None, True, {"a": "b"}]}}}]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "name": "get_weather", "content": '{"t": 3}'}
TALKS = [[USER], [SYSTEM, USER], [USER, ANSWER, MORE], [SYSTEM, USER, THOUGHT, MORE, ANSWER, USER], [SYSTEM, USER, ANSWER],
         [USER, REASONED, MORE], [PARTS], [USER, CALL, RESULT], [SYSTEM, USER, CALL, RESULT, ANSWER, MORE]]
EXTRAS = [{}, {"tools": TOOLS}, {"enable_thinking": False}]


def main():
    ours = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    variables = tempfile.NamedTemporaryFile("w", suffix=".json")
    same = different = 0
    for path in sorted(glob.glob(FOLDER + "/*.jinja")):
        source = open(path, newline="", encoding="utf-8").read()
        template = environment().from_string(source)
        for talk, extra, wants in itertools.product(TALKS, EXTRAS, (True, False)):
            seen = {"messages": talk, "add_generation_prompt": wants, "bos_token": "<s>", "eos_token": "</s>", **extra}
            if "|safe +" in source and "tools" in extra:
                continue  # Jinja escapes HTML in what is added to such a text; ours leaves it
            try:
                expected = template.render(**json.loads(json.dumps(seen)))
            except Exception:
                continue  # a talk that the template refuses, or Jinja
            variables.seek(0)
            variables.truncate()
            json.dump(seen, variables)
            variables.flush()
            ours.stdin.write(f"{path} {variables.name}\n".encode())
            ours.stdin.flush()
            code, count = ours.stdout.readline().split()
            text = ours.stdout.read(int(count)).decode("utf-8", "replace")
            if code == b"0" and text == expected:
                same += 1
                continue
            different += 1
            if different <= 10:
                print(f"{path}: {json.dumps(seen)[:200]}\n  Jinja: {expected[-200:]!r}\n  ours:  {text[-200:]!r}")
    print(f"{same} texts are the same, {different} are not")
    return different > 0


sys.exit(main())
