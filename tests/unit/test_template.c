/* Chat templates: what they write is what Jinja writes, in transformers' settings; what they cannot
 * be is said with a place; and no program, whole or damaged, runs out of its limits. */
#include "frontend/text/template_compile.h"
#include "runtime/text/template_run.h"
#include "tests/unit/arena_fixture.h"

/* Saturday, the 25th of July 2026, 17:20:00 UTC */
enum { TIME = 1785000000, ROOM = 1 << 16 };

static const char seen[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\\n\"}, {\"role\": \"user\", "
    "\"content\": \" H\303\251llo? \"}, {\"role\": \"assistant\", \"content\": \"Hi "
    "<b>\\\"you\\\"</b>\"}], \"add_generation_prompt\": true, \"tools\": [{\"name\": \"f\", "
    "\"parameters\": {\"b\": [1, 2.5, null, true], \"a\": \"\303\251\\n\"}}], \"n\": 7, \"x\": "
    "{\"k\": -3, \"items\": \"own\"}, \"words\": [\"b\", \"A\", \"c\"]}";

static char out[ROOM], failure[300];

static Bytes compile(const char *text) {
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){"chat.jinja", text, strlen(text)};
    return template_compile(source, NULL, 0, arena, &diag);
}

static TwChat sees(const char *variables) {
    return (TwChat){.struct_bytes = sizeof(TwChat),
                    .variables = variables,
                    .time = TIME,
                    .error = failure,
                    .error_bytes = sizeof failure};
}

static TwStatus run(Bytes program, const TwChat *chat) {
    size_t count;
    const TwStatus status =
        tw_template_run(program.data, program.count, chat, out, ROOM - 1, &count);
    out[status == TW_OK ? count : 0] = 0;
    return status;
}

/* ---- what is written ---- */

static const struct {
    const char *template, *text;
} cases[] = {
    /* white space around tags */
    {"a {%- if n %} b {%- endif -%} c", "a bc"},
    {"{% if n %}\n  yes\n{% endif %}\nend", "  yes\nend"},
    {"    {% if n %}x{% endif %}\n   {# gone #}\ny", "xy"},
    {"{% if n +%}\nx{% endif %}", "\nx"},
    {"a\n   {%+ if n %}b{% endif %}", "a\n   b"},
    {"  {{ n }}\n", "  7"},
    {"{{- n -}}  \n x", "7x"},
    {"one\r\ntwo\rthree\n", "one\ntwo\nthree"},
    {"{% raw %}{{ n }}{% endraw %}", "{{ n }}"},
    {"{%- raw -%}  {% x %}  {%- endraw -%} y", "{% x %}y"},
    {"{#- a -#} b", "b"},
    /* literals and text */
    {"{{ 'a\\n\\t\\\\\\'\\x41\\u00e9\\q' }}", "a\n\011\\'A\303\251\\q"},
    {"{{ \"it's\" 'so' }}", "it'sso"},
    {"{{ 0x1F }} {{ 1_000 }} {{ 1.5e3 }} {{ -2.50 }} {{ 1e-7 }} {{ 1e16 }} {{ 123456.789 }}",
     "31 1000 1500.0 -2.5 1e-07 1e+16 123456.789"},
    {"{{ [1, 'a', none, true, 2.0] }} {{ (1,) }} {{ () }} {{ {'a': [1], 2: 'b'} }}",
     "[1, 'a', None, True, 2.0] (1,) () {'a': [1], 2: 'b'}"},
    {"{{ \"a'b\" ~ [\"a'b\", 'c\"d', 'e\\n\\x01'] }}", "a'b[\"a'b\", 'c\"d', 'e\\n\\x01']"},
    {"{{ none }} {{ True }} {{ missing }}|", "None True |"},
    /* operators */
    {"{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} "
     "{{ 7.5 // 2 }} {{ -7.5 % 2 }}",
     "3 -4 1 2 3.5 1024 0.5 3.0 0.5"},
    {"{{ 1 + 2 * 3 - 4 }} {{ 'a' + 'b' * 3 }} {{ [1] + [2] }} {{ [0] * 2 }} {{ 1 ~ 2 ~ 'c' }}",
     "3 abbb [1, 2] [0, 0] 12c"},
    {"{{ 1 < 2 <= 2 != 3 }} {{ 'a' < 'b' }} {{ 1 == 1.0 }} {{ true == 1 }} {{ '1' == 1 }} {{ [1, "
     "2] < [1, 3] }}",
     "True True True True False True"},
    {"{{ 'l' in 'hello' }} {{ 2 in [1, 2] }} {{ 'k' in x }} {{ 'z' not in x }} {{ not n }}",
     "True True True True False"},
    {"{{ n and 'yes' or 'no' }} {{ missing or 'else' }} {{ 0 and 1 }} {{ '' or none }}",
     "yes else 0 None"},
    {"{{ 'a' if n > 5 else 'b' }} {{ 'c' if false }}|", "a |"},
    {"{{ -n }} {{ +n }} {{ - n | abs }} {{ not n == 7 }}", "-7 7 7 False"},
    /* items, attributes and slices */
    {"{{ messages[0].role }} {{ messages[-1]['role'] }} {{ x.k }} {{ x['items'] }} {{ words.0 }} "
     "{{ tools[0].parameters.b.1 }}",
     "system assistant -3 own b 2.5"},
    {"{{ 'h\303\251llo'[1] }} {{ 'h\303\251llo'[-1] }} {{ 'abc'[5] }}|{{ words[9] }}|",
     "\303\251 o ||"},
    {"{{ words[1:] }} {{ words[:-1] }} {{ words[::-1] }} {{ 'h\303\251llo'[1:3] }} {{ "
     "'h\303\251llo'[::-1] }} {{ 'abcdef'[4:1:-2] }} {{ 'abc'[-99:99] }}",
     "['A', 'c'] ['b', 'A'] ['c', 'A', 'b'] \303\251l oll\303\251h ec abc"},
    /* loops */
    {"{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ "
     "loop.length }}{{ loop.revindex }}{{ loop.revindex0 }};{% endfor %}",
     "10TrueFalse332;21FalseFalse321;32FalseTrue310;"},
    {"{% for k, v in x.items() %}{{ k }}={{ v }};{% endfor %}", "k=-3;items=own;"},
    {"{% for i in range(5) if i is odd %}{{ i }}{{ loop.last }}{% else %}none{% endfor %}",
     "1False3True"},
    {"{% for i in [] %}x{% else %}none{% endfor %}", "none"},
    {"{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i > 4 %}{% break %}{% "
     "endif %}{{ i }}{% endfor %}",
     "0134"},
    {"{% for i in words %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }}{{ loop.cycle('a', 'b') "
     "}} {% endfor %}",
     "<b>Aa b<A>cb A<c>a "},
    {"{% for i in 'abc' %}{% for j in range(2) %}{{ i }}{{ j }}{{ loop.last }}{% endfor %}{{ "
     "loop.last }};{% endfor %}",
     "a0Falsea1TrueFalse;b0Falseb1TrueFalse;c0Falsec1TrueTrue;"},
    {"{% for i in range(6, 0, -2) %}{{ i }}{% endfor %} {% for (a, (b, c)) in [(1, (2, 3))] %}{{ a "
     "+ b + c }}{% endfor %}",
     "642 6"},
    {"{% for i in missing %}x{% endfor %}{% for k in x %}{{ k }}{% endfor %}", "kitems"},
    /* variables and their scopes */
    {"{% set a = 1 %}{% for i in words %}{% set a = a + 1 %}{{ a }}{% endfor %}{{ a }}", "2221"},
    {"{% set ns = namespace(a=1) %}{% for i in words %}{% set ns.a = ns.a + 1 %}{% endfor %}{{ "
     "ns.a }}",
     "4"},
    {"{% if n %}{% set b = 2 %}{% endif %}{{ b }}{% if not n %}{% set c = 2 %}{% endif %}{{ c is "
     "defined }}",
     "2False"},
    {"{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (a, b) = [3, 4] %}{{ a }}{{ b }}", "1234"},
    {"{% set t %}a{{ n }}{% set t = 1 %}{% endset %}{{ t }}{% set u | upper | trim %} b {% endset "
     "%}{{ u }}",
     "a7B"},
    {"{% with a = 1, b = n %}{{ a }}{{ b }}{% set a = 5 %}{% endwith %}{{ a is defined }}",
     "17False"},
    {"{% generation %}{% set g = 1 %}x{% endgeneration %}{{ g is defined }}", "xFalse"},
    {"{% filter upper %}a{{ 'b' }}{% endfilter %}", "AB"},
    {"{% for i in words %}{% set t %}{% if i == 'A' %}{% break %}{% endif %}{{ i }}{% endset %}{{ "
     "t }}{% endfor %}!",
     "b!"},
    {"{% set n = n + 1 %}{{ n }}{% set range = 5 %}{{ range }}", "85"},
    /* macros */
    {"{% macro m(a, b='x', c=none) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 2) "
     "}}{{ m(1, c=3) }}{{ m(b=2, a=1) }}{{ m() }}",
     "[1xNone][12None][1x3][12None][xNone]"},
    {"{% macro down(k) %}{{ k }}{% if k > 0 %}{{ down(k - 1) }}{% endif %}{% endmacro %}{{ down(4) "
     "}}",
     "43210"},
    {"{% macro m(a, b=a ~ 'y') %}{{ b }}{% endmacro %}{{ m('x') | upper }}", "XY"},
    {"{% macro m() %}{{ late }}{% endmacro %}{% set late = 3 %}{{ m() }}", "3"},
    {"{% macro box(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call box('b') %}in {{ n "
     "}}{% endcall %}",
     "<b>in 7</b>"},
    {"{% macro each(l) %}{% for i in l %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) "
     "each(words) %}{{ i }};{% endcall %}",
     "b;A;c;"},
    {"{% set f = none %}{% macro m(a) %}{% set a = a + 1 %}{{ a }}{% endmacro %}{% set fs = [m] "
     "%}{{ fs[0](1) }}{{ m is callable }}",
     "2True"},
    /* filters */
    {"{{ tools | tojson }}",
     "[{\"name\": \"f\", \"parameters\": {\"b\": [1, 2.5, null, true], \"a\": \"\303\251\\n\"}}]"},
    {"{{ tools | tojson(indent=2) }}",
     "[\n  {\n    \"name\": \"f\",\n    \"parameters\": {\n      \"b\": [\n        1,\n        "
     "2.5,\n        null,\n        true\n      ],\n      \"a\": \"\303\251\\n\"\n    }\n  }\n]"},
    {"{{ '\303\251\"\\n\\x01\360\237\230\200' | tojson(ensure_ascii=true) }}",
     "\"\\u00e9\\\"\\n\\u0001\\ud83d\\ude00\""},
    {"{{ {'b': 1, 'a': {}} | tojson(sort_keys=true, separators=(',', ':')) }} {{ [] | "
     "tojson(indent=1) }}",
     "{\"a\":{},\"b\":1} []"},
    {"{{ words | join(', ') }} {{ [1, none] | join }} {{ messages | join('-', attribute='role') }}",
     "b, A, c 1None system-user-assistant"},
    {"{{ ' a b ' | trim }}|{{ 'xxaxx' | trim('x') }}|{{ 5 | string + 'a' }}", "a b|a|5a"},
    {"{{ 'aBc' | upper }}{{ 'aBc' | lower }}{{ 'aBc dE' | capitalize }}{{ 'aBc dE-f' | title }}{{ "
     "'\303\211\303\237' | lower }}",
     "ABCabcAbc deAbc De-F\303\251\303\237"},
    {"{{ words | length }} {{ 'h\303\251llo' | length }} {{ x | count }}", "3 5 2"},
    {"{{ missing | default('d') }} {{ '' | default('d') }} {{ '' | default('d', true) }} {{ none | "
     "d('d', boolean=true) }}",
     "d  d d"},
    {"{{ words | first }} {{ words | last }} {{ 'h\303\251\303\251' | last }} {{ words | reverse | "
     "list }} {{ 'ab' | list }}",
     "b c \303\251 ['c', 'A', 'b'] ['a', 'b']"},
    {"{{ words | sort }} {{ words | sort(reverse=true) }} {{ words | sort(case_sensitive=true) }} "
     "{{ messages | sort(attribute='role') | map(attribute='role') | list }}",
     "['A', 'b', 'c'] ['c', 'b', 'A'] ['A', 'b', 'c'] ['assistant', 'system', 'user']"},
    {"{{ x | dictsort }} {{ {'b': 1, 'A': 2} | dictsort(true) }} {{ {'b': 1, 'A': 2} | "
     "dictsort(by='value') }} {{ x | items | list }}",
     "[('items', 'own'), ('k', -3)] [('A', 2), ('b', 1)] [('b', 1), ('A', 2)] [('k', -3), "
     "('items', 'own')]"},
    {"{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | first }} {{ "
     "messages | rejectattr('role', 'in', ['user']) | list | length }} {{ [0, 1, 2] | "
     "select('odd') | list }} {{ words | reject('equalto', 'A') | join }}",
     " H\303\251llo?  2 [1] bc"},
    {"{{ [0, 1, '', 'a'] | select | list }} {{ words | map('upper') | list }} {{ tools | "
     "selectattr('missing') | list }} {{ messages | map(attribute='no', default='x') | list }}",
     "[1, 'a'] ['B', 'A', 'C'] [] ['x', 'x', 'x']"},
    {"{{ [3, 1, 2] | min }} {{ [3, 1, 2] | max }} {{ [1, 2] | sum }} {{ ['b', 'B', 'a'] | unique | "
     "list }} {{ tools | sum(attribute='parameters.b.0') }}",
     "1 3 3 ['b', 'a'] 1"},
    {"{{ 'a\\n\\nb' | indent }}|{{ 'a\\n\\nb' | indent(2, first=true) }}|{{ 'a\\n\\nb' | indent(2, "
     "blank=true) }}",
     "a\n\n    b|  a\n\n  b|a\n  \n  b"},
    {"{{ '3' | int }} {{ '3.9' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ 2.7 | int }} {{ "
     "'1.5' | float }} {{ 'x' | float }} {{ -3 | abs }} {{ 2.5 | round }} {{ 2.567 | round(2) }} "
     "{{ 2.1 | round(method='ceil') }}",
     "3 3 0 5 2 1.5 0.0 3 2.0 2.57 3.0"},
    {"{{ '<a&\"b\">' | escape }} {{ 'aaa' | replace('a', 'b', 2) }} {{ 'abc' | replace('b', '') }} "
     "{{ '%s-%d' | format('a', 3) }} {{ 'a b' | wordcount }}",
     "&lt;a&amp;&#34;b&#34;&gt; bba ac a-3 2"},
    {"{{ messages | groupby('role') | map(attribute=0) | list }} {{ 'ab' | center(6) }}|",
     "['assistant', 'system', 'user']   ab  |"},
    /* methods */
    {"{{ ' a '.strip() }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'xax'.strip('x') }}|{{ "
     "'\\u3000a\\u00a0'.strip() }}",
     "a|a | a|a|a"},
    {"{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c'.split(' ', 1) }} {{ 'a b  c "
     "'.split(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ''.split() }} {{ ''.split(',') }}",
     "['a', 'b', '', 'c'] ['a', 'b'] ['a', 'b c'] ['a', 'b  c '] ['a,b', 'c'] [] ['']"},
    {"{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abc'.endswith('abcd') }} "
     "{{ ''.startswith('') }}",
     "True True False True"},
    {"{{ 'aXbX'.replace('X', '-') }} {{ 'aXbX'.replace('X', '-', 1) }} {{ 'ab'.replace('', '.') }} "
     "{{ 'abc'.find('c') }} {{ 'abcb'.rfind('b') }} {{ 'abcb'.count('b') }} {{ 'abc'.index('b') }}",
     "a-b- a-bX .a.b. 2 3 2 1"},
    {"{{ 'aB'.upper() }} {{ 'aB'.lower() }} {{ 'aB'.capitalize() }} {{ \"it's a\".title() }} {{ "
     "'-'.join(words) }} {{ 'a\\nb\\n'.splitlines() }}",
     "AB ab Ab It'S A b-A-c ['a', 'b']"},
    {"{{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ "
     "'AB'.isupper() }} {{ 'a1'.islower() }} {{ ''.isdigit() }}",
     "True True True True True True False"},
    {"{{ '{} and {}, {1} {k} {{}}'.format(1, 'b', k=2.5) if false else '{} {k} {{}}'.format(1, "
     "k='b') }} {{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('bc') }}",
     "1 b {} bc a"},
    {"{{ x.get('k') }} {{ x.get('z') }} {{ x.get('z', 1) }} {{ x.keys() | list }} {{ x.values() | "
     "list }}",
     "-3 None 1 ['k', 'items'] [-3, 'own']"},
    {"{% set l = [1] %}{% set _ = l.append(2) %}{% set _ = l.insert(0, 0) %}{% set _ = "
     "l.extend([3]) %}{{ l }}{{ l.pop() }}{{ l.pop(0) }}{{ l }}",
     "[0, 1, 2, 3]30[1, 2]"},
    {"{% set d = {'a': 1} %}{% set _ = d.update({'b': 2}) %}{{ d }}{{ d.pop('a') }}{{ d.pop('z', "
     "9) }}{{ d }}",
     "{'a': 1, 'b': 2}19{'b': 2}"},
    /* tests */
    {"{{ n is defined }} {{ missing is undefined }} {{ none is none }} {{ n is number }} {{ n is "
     "integer }} {{ 1.5 is float }} {{ true is number }} {{ true is boolean }} {{ 'a' is string }} "
     "{{ x is mapping }} {{ words is iterable }} {{ words is sequence }} {{ 'a' is sequence }} {{ "
     "n is iterable }}",
     "True True True True True True True True True True True True True False"},
    {"{{ true is true }} {{ 1 is true }} {{ false is false }} {{ 3 is odd }} {{ 3 is even }} {{ 6 "
     "is divisibleby 3 }} {{ 6 is divisibleby(4) }} {{ 1 is eq 1 }} {{ 1 is ne(1) }} {{ 1 is lt 2 "
     "}} {{ 'a' is in ['a'] }} {{ 'ab' is lower }} {{ 'AB' is upper }}",
     "True False True True False True False True False True True True True"},
    {"{{ n is not defined }} {{ raise_exception is defined }} {{ strftime_now is defined }} {{ n "
     "is not string and n is not none }}",
     "False True True True"},
    /* functions */
    {"{{ strftime_now('%d %B %Y, %-d %b %y %A %a %H:%M:%S %I %p %j %e %%') }}",
     "25 July 2026, 25 Jul 26 Saturday Sat 17:20:00 05 PM 206 25 %"},
    {"{{ range(3) | list }} {{ range(1, 3) | list }} {{ dict(a=1) }} {{ namespace(a=1).a }}",
     "[0, 1, 2] [1, 2] {'a': 1} 1"},
    {"{{ '{\"a\": [1, -2.5e1, \"\\\\u00e9\\\\n\", null, true]}' | from_json }}",
     "{'a': [1, -25.0, '\303\251\\n', None, True]}"},
};

START_TEST(writes_what_jinja_writes) {
    const Bytes program = compile(cases[_i].template);
    const TwChat chat = sees(seen);
    ck_assert_ptr_nonnull(program.data);
    ck_assert_msg(run(program, &chat) == TW_OK, "%s: %s", cases[_i].template, failure);
    ck_assert_msg(strcmp(out, cases[_i].text) == 0, "%s\nwrites   '%s'\nand not  '%s'",
                  cases[_i].template, out, cases[_i].text);
}
END_TEST

START_TEST(messages_of_c_are_those_of_json) {
    static const TwMessage messages[] = {{"user", "Hi"}, {"assistant", "Ho"}};
    const Bytes program = compile("{{ messages }}{{ add_generation_prompt }}");
    TwChat chat = sees(NULL);
    chat.messages = messages;
    chat.count = 2;
    ck_assert_int_eq(run(program, &chat), TW_OK);
    ck_assert_str_eq(out, "[{'role': 'user', 'content': 'Hi'}, "
                          "{'role': 'assistant', 'content': 'Ho'}]False");
}
END_TEST

START_TEST(variables_come_before_messages_and_constants) {
    const TemplateConstant constants[] = {{"bos_token", {"<s>", 3}}, {"eos_token", {"</s>", 4}}};
    const Source source = {"chat.jinja", "{{ bos_token }}{{ eos_token }}{{ messages }}", 44};
    const Bytes program = template_compile(&source, constants, 2, arena, &diag);
    const TwChat chat = sees("{\"eos_token\": \"!\", \"messages\": 5}");
    ck_assert_int_eq(run(program, &chat), TW_OK);
    ck_assert_str_eq(out, "<s>!5");
}
END_TEST

START_TEST(bytes_that_are_no_utf8_stay_as_they_are) {
    const TwMessage message = {"user", " a\xff\xc3 "};
    const Bytes program =
        compile("{{ messages[0].content.strip() | upper }}|{{ messages[0].content | length }}");
    TwChat chat = sees(NULL);
    chat.messages = &message;
    chat.count = 1;
    ck_assert_int_eq(run(program, &chat), TW_OK);
    ck_assert_str_eq(out, "A\xff\xc3|5");
}
END_TEST

/* ---- what cannot be compiled ---- */

static const struct {
    const char *template;
    int line, column;
    const char *says;
} wrong[] = {
    {"a\n{% if x %}", 2, 11, "the template ends within a block"},
    {"{{ 1 +", 1, 1, "the tag does not end"},
    {"{# a", 1, 1, "the comment does not end"},
    {"{{ 'a }}", 1, 4, "the text in quotes does not end"},
    {"{{ (1] }}", 1, 6, "found ']', expected ')'"},
    {"{{ a ! b }}", 1, 6, "a character that no tag can have"},
    {"{{ 99999999999999999999 }}", 1, 4, "is no number that fits"},
    {"{% import 'a' as b %}", 1, 4, "chat templates have no statement 'import' here"},
    {"{% endfor %}", 1, 4, "chat templates have no statement 'endfor' here"},
    {"{% for x in y recursive %}{% endfor %}", 1, 15, "recursive loops are not supported"},
    {"\n{{ a | shout }}", 2, 8, "chat templates have no filter 'shout' here"},
    {"{{ a is loud }}", 1, 9, "chat templates have no test 'loud' here"},
    {"{{ a | replace('b') }}", 1, 8, "replace needs an argument 'new'"},
    {"{{ a | trim(b=1) }}", 1, 13, "trim takes no argument 'b'"},
    {"{{ a | trim('b', 2) }}", 1, 18, "trim takes fewer arguments"},
    {"{{ f(a=1, 2) }}", 1, 11, "expected a name, as the argument before has one"},
    {"{{ f(**a) }}", 1, 6, "are not supported"},
    {"{% set 1 = 2 %}", 1, 8, "found '1', expected a name"},
    {"{% break %}", 1, 4, "'break' stands in no loop"},
    {"{{ }}", 1, 4, "found '}}', expected a value"},
    {"{% macro m(a, a) %}{% endmacro %}", 1, 12, "two parameters have the same name"},
};

START_TEST(what_is_wrong_is_said_with_its_place) {
    ck_assert_ptr_null(compile(wrong[_i].template).data);
    ck_assert_ptr_nonnull(diag.first);
    const LineColumn place = diag_line_column(diag.first->loc);
    assert_says(diag.first->message, wrong[_i].says);
    ck_assert_msg(place.line == wrong[_i].line && place.column == wrong[_i].column,
                  "%s: %d:%d, and not %d:%d", wrong[_i].template, place.line, place.column,
                  wrong[_i].line, wrong[_i].column);
}
END_TEST

START_TEST(what_nests_too_deeply_is_refused) {
    enum { DEPTH = 100000 };
    static const char *const open[] = {"(", "[", "-", "not ", "a+", "a.", "{% if 1 %}"};
    for (int i = 0; i < COUNT(open); i++) {
        const size_t bytes = strlen(open[i]);
        char *text = ARENA_ARRAY(arena, char, bytes *DEPTH + 16);
        char *at = text;
        if (*open[i] != '{') at = stpcpy(at, "{{ ");
        for (int k = 0; k < DEPTH; k++) at = stpcpy(at, open[i]);
        if (*open[i] != '{') stpcpy(at, "a }}");
        diag = (Diag){.arena = arena};
        ck_assert_ptr_null(compile(text).data);
        ck_assert_int_gt(diag.errors, 0);
    }
}
END_TEST

/* ---- what fails when it runs ---- */

static const struct {
    const char *template, *says;
} failing[] = {
    {"a\n{{ raise_exception('No ' ~ n ~ '!') }}", "line 2: No 7!"},
    {"{{ missing.part }}", "line 1: 'missing' is not defined"},
    {"{{ x.part.more }}", "line 1: 'part' is not defined"},
    {"\n\n{{ shout(1) }}", "line 3: 'shout' is called, which is not defined"},
    {"{% if n %}\n{{ n | shout }}{% endif %}", "line 2: chat templates have no filter 'shout'"},
    {"{{ 1 + 'a' }}", "line 1: a integer + a text"},
    {"{{ 1 // 0 }}", "line 1: a division by 0"},
    {"{{ 9223372036854775807 + 1 }}", "line 1: a number overflows"},
    {"{% for i in 5 %}{% endfor %}", "line 1: a integer has no items"},
    {"{% set a, b = [1] %}", "line 1: 1 values where 2 names are"},
    {"{{ [3, 'a'] | sort }}", "have no order"},
    {"{{ missing | tojson }}", "this is no value of JSON"},
    {"{{ 'a'.split('') }}", "split by an empty text"},
    {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "the macro takes 1 arguments, not 2"},
    {"{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "the macro takes no argument 'b'"},
    {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "macros call each other too deeply"},
    {"{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", "too deeply"},
    {"{% for i in range(9999) %}{% for j in range(9999) %}{{ i * j % 7 if i is odd }}{% endfor %}"
     "{% endfor %}",
     "it takes too many steps"},
    {"{{ strftime_now('%Q') }}", "strftime_now does not know %Q"},
    {"{{ 'x' | from_json }}", "no JSON at byte 0"},
    {"{% set x.k = 1 %}", "attributes of a dict cannot be set"},
};

START_TEST(what_fails_says_its_line) {
    const Bytes program = compile(failing[_i].template);
    const TwChat chat = sees(seen);
    ck_assert_ptr_nonnull(program.data);
    ck_assert_int_eq(run(program, &chat), TW_TEMPLATE_FAILED);
    assert_says(failure, failing[_i].says);
}
END_TEST

START_TEST(no_more_memory_is_used_than_is_given) {
    static char memory[1 << 16];
    const Bytes program = compile("{% for i in range(999) %}{{ 'a' * 999 }}{% endfor %}");
    TwChat chat = sees(NULL);
    for (size_t bytes = 0; bytes < sizeof memory; bytes += 997) {
        chat.memory = memory + bytes % 13;
        chat.memory_bytes = bytes;
        ck_assert_int_eq(run(program, &chat), TW_NO_MEMORY);
    }
}
END_TEST

START_TEST(a_text_without_room_says_how_much_it_needs) {
    size_t count;
    const Bytes program = compile("{{ 'a' * 1000 }}");
    const TwChat chat = sees(NULL);
    ck_assert_int_eq(tw_template_run(program.data, program.count, &chat, out, 999, &count),
                     TW_NO_ROOM);
    ck_assert_uint_eq(count, 1000);
}
END_TEST

/* Every byte of the program in turn is another: it ends all the same. */
START_TEST(damaged_programs_end) {
    static char memory[1 << 18];
    const Bytes program =
        compile("{% macro m(a, b='c') %}{% for i in a %}{{ i ~ b }}{% endfor %}{% endmacro %}"
                "{{ m(words) }}{% set l = x | dictsort %}{{ l[0][1:] }}{{ tools }}");
    char *damaged = ARENA_ARRAY(arena, char, program.count);
    TwChat chat = sees(seen);
    chat.memory = memory;
    chat.memory_bytes = sizeof memory;
    for (size_t i = 0; i < program.count; i++) {
        memcpy(damaged, program.data, program.count);
        damaged[i] = (char)(damaged[i] ^ (1 << i % 8));
        run((Bytes){damaged, program.count}, &chat);
        run((Bytes){program.data, i}, &chat);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("chat templates");
    TCase *tests = suite_case(suite, "text", make_arena, drop_arena);
    setenv("TZ", "UTC", 1);
    tcase_add_loop_test(tests, writes_what_jinja_writes, 0, COUNT(cases));
    tcase_add_test(tests, messages_of_c_are_those_of_json);
    tcase_add_test(tests, variables_come_before_messages_and_constants);
    tcase_add_test(tests, bytes_that_are_no_utf8_stay_as_they_are);
    tests = suite_case(suite, "errors", make_arena, drop_arena);
    tcase_add_loop_test(tests, what_is_wrong_is_said_with_its_place, 0, COUNT(wrong));
    tcase_add_test(tests, what_nests_too_deeply_is_refused);
    tcase_add_loop_test(tests, what_fails_says_its_line, 0, COUNT(failing));
    tests = suite_case(suite, "limits", make_arena, drop_arena);
    tcase_add_test(tests, no_more_memory_is_used_than_is_given);
    tcase_add_test(tests, a_text_without_room_says_how_much_it_needs);
    tcase_add_test(tests, damaged_programs_end);
    return suite_run(suite);
}
