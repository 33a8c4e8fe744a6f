use super::*;
use serde_json::json;

/// The variables of a test.
struct Variables(Value);

impl Lookup for Variables {
    fn path(&self, path: &[String]) -> Option<Cow<'_, Value>> {
        path.iter().try_fold(&self.0, |value, key| evaluator::field(value, key)).map(Cow::Borrowed)
    }
}

/// What a text comes to with these variables.
fn run(text: &str, variables: Value) -> Result<Evaluation, Fault> {
    Template::parse(text).unwrap().evaluate(&Variables(variables), &mut Work::of(u64::MAX))
}

fn evaluate(text: &str) -> Evaluation {
    let variables = json!({
        "call": { "from": "+15550100" }, "n": 3, "list": [1, 2],
        "actions": { "9e-1": { "digits": "42" } }
    });
    run(text, variables).unwrap()
}

/// The message of an expression that has no result.
fn fault(text: &str, variables: Value) -> String {
    match run(text, variables) {
        Err(Fault::Wrong(message)) => message,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> String {
    Template::parse(text).unwrap_err().message
}

#[test]
fn a_text_that_is_one_expression_keeps_its_type() {
    assert_eq!(evaluate("${n}").value, json!(3));
    assert_eq!(evaluate("${n * 2 + 1}").value, json!(7));
    assert_eq!(evaluate("${list}").value, json!([1, 2]));
    assert_eq!(evaluate("n is ${n}").value, json!("n is 3"));
}

#[test]
fn braces_and_strings_within_an_expression_do_not_end_it() {
    assert_eq!(evaluate("${ {'a': '}'}.a }!").value, json!("}!"));
    assert_eq!(evaluate(r#"${"it's ${n}"}"#).value, json!("it's ${n}"));
}

#[test]
fn an_action_id_needs_not_be_an_identifier() {
    assert_eq!(evaluate("${actions.9e-1.digits}").value, json!("42"));
    assert_eq!(evaluate("${actions['9e-1'].digits}").value, json!("42"));
}

#[test]
fn what_is_missing_is_empty_and_named() {
    assert_eq!(
        evaluate("Hello ${name}"),
        Evaluation { value: json!("Hello "), missing: vec!["name".into()] }
    );
    assert_eq!(
        evaluate("${call.to ~ '!'}"),
        Evaluation { value: json!("!"), missing: vec!["call.to".into()] }
    );
    assert_eq!(evaluate("${name | default('you')}"), Evaluation { value: json!("you"), missing: vec![] });
}

#[test]
fn what_cannot_be_read_is_told() {
    assert!(refused("Hello ${name").contains("no closing"));
    assert!(refused("${1 +}").contains("`1 +` cannot be read"));
    assert!(refused("${}").contains("empty"));
    assert!(Template::parse_expression("${a} > 1").unwrap_err().message.contains("beside"));
}

#[test]
fn a_template_and_what_it_comes_to_have_a_size() {
    let longest = "x".repeat(MAX_SOURCE_BYTES);
    assert!(Template::parse(&longest).is_ok());
    assert!(refused(&format!("{longest}x")).contains("16385 bytes, the limit is 16384"));
    assert!(Template::parse_expression(&longest).is_ok());
    let longer = Template::parse_expression(&format!("{longest}x")).unwrap_err();
    assert!(longer.message.contains("16385 bytes, the limit is 16384"));

    let text = |length: usize| json!("x".repeat(length));
    // A list of one text has four characters more than the text.
    for (template, most) in [("${x}", text(65_536)), ("${x}y", text(65_535)), ("${x}", json!([text(65_532)]))]
    {
        assert!(run(template, json!({ "x": most })).is_ok(), "{template}");
    }
    for (template, more) in [("${x}", text(65_537)), ("${x}y", text(65_536)), ("${x}", json!([text(65_533)]))]
    {
        assert_eq!(fault(template, json!({ "x": more })), too_long(), "{template}");
    }
}

#[test]
fn a_condition_may_stand_within_braces_or_not() {
    for text in ["n > 2", "${n > 2}", " ${ n > 2 } "] {
        let variables = Variables(json!({ "n": 3 }));
        let template = Template::parse_expression(text).unwrap();
        let outcome = template.evaluate(&variables, &mut Work::of(1_000)).unwrap();
        assert_eq!(outcome.value, json!(true), "{text}");
    }
}

#[test]
fn a_quote_with_a_backslash_does_not_end_its_string() {
    assert_eq!(evaluate(r"${'it\'s } {'}").value, json!("it's } {"));
    assert_eq!(evaluate(r"${'\\'}}").value, json!("\\}"));
}

/// Only in `actions.<id>.<key>` is a minus part of a name; elsewhere it is a sign.
#[test]
fn a_minus_is_part_of_an_action_id_and_of_no_other_name() {
    let reads = |text: &str| -> Vec<String> {
        Template::parse(text).unwrap().reads().iter().map(|path| path.join(".")).collect()
    };
    assert_eq!(reads("${actions.9e-1.digits}"), ["actions.9e-1.digits"]);
    assert_eq!(reads("${actions.a.digits-n}"), ["actions.a.digits", "n"]);
    assert_eq!(reads("${actions.a-n}"), ["actions.a", "n"]);
    assert_eq!(reads("${call.a-n.b}"), ["call.a", "n.b"]);
    assert!(Template::parse("${actions..digits}").is_err());
}

#[test]
fn a_template_tells_the_variables_that_it_reads_and_no_functions() {
    let reads = |text: &str| -> Vec<String> {
        Template::parse(text).unwrap().reads().iter().map(|path| path.join(".")).collect()
    };
    assert_eq!(reads("${a.b} and ${c + _d1}"), ["a.b", "_d1", "c"]);
    assert_eq!(reads("${range(n) | list} ${dict(a=1)}"), ["n"]);
    assert_eq!(reads("no expression"), [""; 0]);
}

/// Runs on a thread with half the stack of a worker (2 MiB), which others use too.
fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap()
}

/// A way in which an expression can grow without an end: the text with `n` of it.
type Growing = (&'static str, fn(usize) -> String);

fn growing() -> Vec<Growing> {
    fn chain(of: &str, sign: &str, n: usize) -> String {
        vec![of; n.max(1)].join(sign)
    }
    vec![
        ("or", |n| chain("0", " or ", n)),
        ("and", |n| chain("1", " and ", n)),
        ("+", |n| chain("1", "+", n)),
        ("-", |n| chain("1", "-", n)),
        ("~", |n| chain("1", "~", n)),
        ("*", |n| chain("1", "*", n)),
        ("/", |n| chain("1", "/", n)),
        ("//", |n| chain("1", "//", n)),
        ("%", |n| chain("1", "%", n)),
        ("**", |n| chain("1", "**", n)),
        ("minus", |n| format!("{}1", "-".repeat(n))),
        ("minus with blanks", |n| format!("{}1", "- ".repeat(n))),
        ("not", |n| format!("{}1", "not ".repeat(n))),
        ("(", |n| format!("{}1{}", "(".repeat(n), ")".repeat(n))),
        ("-(", |n| format!("{}1{}", "-(".repeat(n), ")".repeat(n))),
        ("not (", |n| format!("{}1{}", "not (".repeat(n), ")".repeat(n))),
        ("(1+", |n| format!("{}1{}", "(1+".repeat(n), ")".repeat(n))),
        ("all operators", |n| {
            format!("{}1{}", "1 or 1 and not 1 == 1 + 1 ~ 1 * 1 ** -(".repeat(n), ")".repeat(n))
        }),
        ("[", |n| format!("{}1{}", "[".repeat(n), "]".repeat(n))),
        ("{", |n| format!("{}1{}", "{'a':".repeat(n), "}".repeat(n))),
        ("{ key", |n| format!("{}1{}", "{".repeat(n), ":1}".repeat(n))),
        ("fields", |n| format!("a{}", ".b".repeat(n))),
        ("fields of a list", |n| format!("[1]{}", ".b".repeat(n))),
        ("index", |n| format!("a{}", "[0]".repeat(n))),
        ("names", |n| format!("a{}", "['b']".repeat(n))),
        ("index in index", |n| format!("{}0{}", "a[".repeat(n), "]".repeat(n))),
        ("slices", |n| format!("'a'{}", "[::-1]".repeat(n))),
        ("slice in slice", |n| format!("{}0{}", "'a'[:".repeat(n), "]".repeat(n))),
        ("filters", |n| format!("a{}", "|lower".repeat(n))),
        ("filter in filter", |n| format!("{}1{}", "a|default(".repeat(n), ")".repeat(n))),
        ("named", |n| format!("{}1{}", "a|default(default_value=".repeat(n), ")".repeat(n))),
        ("tests", |n| format!("1{}", " is defined".repeat(n))),
        ("test in test", |n| format!("{}1{}", "1 is eq(".repeat(n), ")".repeat(n))),
        ("tests without brackets", |n| format!("{}1", "1 is eq -".repeat(n))),
        ("else", |n| format!("{}1", "0 if 0 else ".repeat(n))),
        ("if", |n| format!("1{}", " if 1".repeat(n))),
        ("if in if", |n| format!("{}1{}", "1 if (".repeat(n), ") else 0".repeat(n))),
        ("range", |n| format!("{}1{}", "range(".repeat(n), ")".repeat(n))),
        ("dict", |n| format!("{}1{}", "dict(a=".repeat(n), ")".repeat(n))),
        ("calls", |n| format!("a{}", "()".repeat(n))),
        ("tuples", |n| format!("{}1{}", "(1,".repeat(n), ")".repeat(n))),
    ]
}

/// What is refused names the bound; what is accepted can be evaluated, and dropped, on any thread.
#[test]
fn an_expression_of_any_shape_is_refused_or_safe_on_a_small_stack() {
    on_a_small_stack(|| {
        for (name, of) in growing() {
            let mut accepted = 0;
            for n in (0..200).chain([1_000, 3_000]) {
                let Ok(template) = Template::parse_expression(&of(n)) else { continue };
                accepted = n;
                let variables = json!({ "a": { "b": [1, "x"] } });
                let _ = template.evaluate(&Variables(variables), &mut Work::of(1_000_000));
                assert!(template.mistakes(&|_| Kind::Text).len() <= n + 1);
                assert!(template.reads().len() <= n + 1);
            }
            assert!(accepted < 150, "{name}: {accepted} are accepted");
            let longest = 14_000 / (of(3).len() - of(2).len());
            let refusal = Template::parse_expression(&of(longest)).unwrap_err();
            assert!(refusal.message.contains("64 levels") || name == "calls", "{name}: {refusal}");
        }
    });
}

#[test]
fn what_is_not_closed_is_refused_at_any_length() {
    for open in ["(", "[", "{", "-", "not ", "a|", "a[", "'", "\"", "1+", "a.", "a if ", "a|b(", "{{", "${"] {
        for n in [1, 50, 100, 5_000] {
            let text = open.repeat(n.min(16_000 / open.len()));
            assert!(Template::parse_expression(&text).is_err(), "{open} {n}");
            assert!(Template::parse(&format!("${{{text}")).is_err(), "{open} {n}");
        }
    }
}

/// Nothing makes a value larger than the limit, however it is spelled, and nothing costs more than it says.
#[test]
fn what_is_too_large_or_costs_too_much_is_an_error() {
    let big = json!({ "big": "x".repeat(60_000), "list": (0..9_000).collect::<Vec<_>>(), "two": ["a", "b"] });
    for greedy in [
        "'x' * 100000000",
        "[1] * 100000000",
        "range(100000000)",
        "range(0, 9223372036854775807, 1) | length",
        "range(0, -9223372036854775807, -1) | list | length",
        "range(99999) | join",
        "big ~ big",
        "big + big",
        "(big, big) | join",
        "[1, 2, 3] | join(big)",
        "list + list",
        "big | replace('x', 'yy')",
        "big | replace('', 'yy')",
        "big | indent(9000000000)",
        "'a\nb' | indent(65000, true)",
        "big | list",
        "big | map('upper') | list",
        "[big, big]",
        "{'a': big, 'b': big}",
        "dict(a=big, b=big)",
        "[1] | batch(100000000, 0)",
        "[1] | slice(100000000)",
        "[1] | slice(100000000, big)",
        "[1] | slice(100000000) | length",
        "[big] | batch(2, big)",
        "two | map('replace', 'a', big) | map('replace', 'x', big)",
        "list | map('string') | map('indent', 40000, true)",
        "(list, list) | tojson | tojson | tojson",
        "big | tojson | tojson ~ big",
        "list | join('', big)",
        "list | sort(attribute=big)",
        "list | map(attribute=big) | list",
        "list | selectattr(big, 'eq', 1) | list",
        "2 ** 1000000000",
        "10 ** 300 * 10 ** 300",
        "9223372036854775807 * 9223372036854775807",
        "1e308 * 10",
        "big | upper | lower | upper | lower | upper | lower",
        "list | sort | reverse | sort | unique | sort | unique | sort | unique | sort | unique | sort | unique",
    ] {
        let text = format!("${{{greedy}}}");
        let fault = fault(&text, big.clone());
        assert!(fault.len() < 400, "{greedy}: {fault}");
    }
}

/// A text is not compared with a number: the answer would be a guess.
#[test]
fn a_text_and_a_number_cannot_be_compared() {
    let variables = json!({ "n": 1, "five": "5", "none": null, "o": {}, "mixed": ["a", 1] });
    for wrong in [
        "five >= 1000000000",
        "five == 5",
        "5 != five",
        "five < n",
        "'' >= 1000000000",
        "o >= 1000000000",
        "none > 1",
        "missing > 1",
        "true > 0",
        "five in [1, 2]",
        "n not in ['1']",
        "[1] == ['1']",
        "{'a': 1} == {'a': '1'}",
        "five is eq 5",
        "[five] | select('gt', 1) | list",
        "[1, '2'] | sort",
        "[1, '2'] | max",
        "'1' + 1",
        "'2' * 2",
    ] {
        let fault = fault(&format!("${{{wrong}}}"), variables.clone());
        assert!(!fault.is_empty(), "{wrong}");
    }
    for (right, value) in [
        ("five | int >= 5", json!(true)),
        ("five == '5'", json!(true)),
        ("none == 1", json!(false)),
        ("missing == 1", json!(false)),
        ("missing != '1'", json!(true)),
        ("'a' in mixed", json!(true)),
        ("1 in mixed", json!(true)),
        ("o == {}", json!(true)),
        ("[1, 2] < [1, 3]", json!(true)),
        ("1 == 1.0", json!(true)),
        ("18446744073709551615 > 9223372036854775807", json!(true)),
    ] {
        assert_eq!(run(&format!("${{{right}}}"), variables.clone()).unwrap().value, value, "{right}");
    }
    assert_eq!(
        fault("${five >= 1000000000}", variables),
        "`\"5\"` is a text and `1000000000` is a number: they cannot be compared; convert one with the filter `int`, \
         `float` or `string`"
    );
}

/// Where both know an expression, it comes to the same as in minijinja.
#[test]
fn an_expression_comes_to_what_it_does_in_minijinja() {
    let variables = json!({
        "n": 3, "f": 2.5, "s": "Hello World", "list": [3, 1, 2], "names": ["b", "A", "c", "a"],
        "o": { "b": 1, "a": { "x": [10, 20] } }, "people": [{ "name": "Z", "age": 3 }, { "name": "y", "age": 1 }],
    });
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Chainable);
    for text in include_str!("same_as_minijinja.txt").lines().filter(|line| !line.is_empty()) {
        let theirs = environment
            .compile_expression(text)
            .and_then(|compiled| compiled.eval(minijinja::Value::from(minijinja::value::Serde(&variables))));
        let theirs = theirs.unwrap_or_else(|error| panic!("{text}: {error}"));
        let theirs = match theirs.is_undefined() {
            true => json!(""),
            false => serde_json::to_value(&theirs).unwrap(),
        };
        let template = Template::parse_expression(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
        let ours = template.evaluate(&Variables(variables.clone()), &mut Work::of(1_000_000));
        assert_eq!(ours.unwrap_or_else(|fault| panic!("{text}: {fault:?}")).value, theirs, "{text}");
    }
}

#[test]
fn what_has_no_value_is_named_where_it_counts() {
    let missing = |text: &str| run(text, json!({ "a": { "b": 1 } })).unwrap().missing;
    assert_eq!(missing("${x or y}"), ["x", "y"]);
    assert_eq!(missing("${a or y}"), [""; 0]);
    assert_eq!(missing("${x.y.z | default(a.c | default(1))}"), [""; 0]);
    assert_eq!(missing("${x | default(y)}"), ["y"]);
    assert_eq!(missing("${a | default(y)}"), [""; 0]);
    assert_eq!(missing("${'' if x is defined else a.c}"), ["a.c"]);
    assert_eq!(missing("${x} ${x} ${x.y}"), ["x", "x.y"]);
}

#[test]
fn work_is_counted_the_same_each_time_and_ends_with_the_steps() {
    let used = |text: &str, most: u64| {
        let mut work = Work::of(most);
        let variables = Variables(json!({ "s": "x".repeat(10_000) }));
        let done = Template::parse(text).unwrap().evaluate(&variables, &mut work);
        (done.map(|_| work.used()), work.is_exhausted())
    };
    let (cost, _) = used("${s | upper | lower}", u64::MAX);
    let cost = cost.unwrap();
    assert!((20_000..100_000).contains(&cost), "{cost}");
    assert_eq!(used("${s | upper | lower}", cost), (Ok(cost), false));
    assert_eq!(used("${s | upper | lower}", cost - 1), (Err(Fault::Exhausted), true));
}
