//! The example with OpenTelemetry, as a process: what it exports is read from what it prints.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use support::example::command;

/// One span, as it is printed.
type Span = BTreeMap<String, String>;

/// A span begins with its number, and has a name and a value on each line after that.
fn spans(printed: &str) -> Vec<Span> {
    let spans = printed.split("Span #").skip(1);
    let fields = |span: &str| {
        let lines = span
            .lines()
            .map(|line| line.trim().trim_start_matches("-> "));
        let fields = lines.filter_map(|line| line.split_once(':'));
        // The first name is that of the library that has made the span.
        fields
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect()
    };
    spans.map(fields).collect()
}

#[test]
fn the_spans_of_a_cached_call_are_exported_below_that_of_its_request() {
    let output = command("opentelemetry", &[]).output();
    let output = output.expect("the example starts");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("text");
    let spans = spans(&printed);
    let names: Vec<_> = spans.iter().map(|span| span["Name"].as_str()).collect();
    // In the order in which they ended. The second request had its answer from memory.
    let expected = [
        "larder.lookup",
        "query the database",
        "larder.compute",
        "GET /users/{id}",
        "GET /users/{id}",
    ];
    assert_eq!(names, expected, "{printed}");
    let [lookup, query, compute, request, hit] = &spans[..] else {
        panic!("{printed}");
    };
    for (span, parent) in [(lookup, request), (compute, request), (query, compute)] {
        assert_eq!(span["ParentSpanId"], parent["SpanId"]);
        assert_eq!(span["TraceId"], request["TraceId"]);
    }
    assert_eq!(hit["ParentSpanId"], "None (root span)");
    assert_ne!(hit["TraceId"], request["TraceId"]);
    for span in [lookup, compute] {
        assert!(span["kind"].contains("\"web\""), "{span:?}");
        assert!(span["operation"].contains("\"user.name\""), "{span:?}");
    }
    assert!(lookup["outcome"].contains("\"computes\""), "{lookup:?}");
    assert!(lookup["reason"].contains("\"absent\""), "{lookup:?}");
    assert!(compute["outcome"].contains("\"computed\""), "{compute:?}");
    // The argument and the value are nowhere.
    assert!(!printed.contains("user 7"), "{printed}");
}
