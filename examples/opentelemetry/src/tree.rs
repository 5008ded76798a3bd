//! Spans as a tree.

use std::fmt::Write;

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;

/// What is drawn of a span beside its name.
const SHOWN: &[&str] = &["server", "group", "status", "outcome", "error.type"];

/// Draws spans as a tree of children, in the order of their starts. A link is shown by the name of where it leads.
pub fn draw(spans: &[SpanData]) -> String {
    let mut spans: Vec<_> = spans.iter().collect();
    spans.sort_by_key(|span| span.start_time);
    let known = |id: SpanId| spans.iter().any(|span| span.span_context.span_id() == id);
    let mut drawn = String::new();
    for root in spans.iter().filter(|span| !known(span.parent_span_id)) {
        let _ = writeln!(drawn, "trace {}", root.span_context.trace_id());
        branch(&mut drawn, &spans, root, 1);
    }
    drawn
}

fn branch(drawn: &mut String, spans: &[&SpanData], span: &SpanData, depth: usize) {
    let _ = write!(drawn, "{:1$}{2}", "", 2 * depth, title(span));
    for link in span.links.iter() {
        let to = spans.iter().find(|span| span.span_context.span_id() == link.span_context.span_id());
        let _ = write!(drawn, "  <- {}", to.map_or_else(|| "elsewhere".to_owned(), |span| title(span)));
    }
    drawn.push('\n');
    let own = span.span_context.span_id();
    for child in spans.iter().filter(|child| child.parent_span_id == own) {
        branch(drawn, spans, child, depth + 1);
    }
}

fn title(span: &SpanData) -> String {
    let mut title = span.name.to_string();
    for shown in SHOWN {
        let value = span.attributes.iter().find(|attribute| attribute.key.as_str() == *shown);
        if let Some(value) = value.map(|attribute| attribute.value.as_str()).filter(|value| !value.is_empty())
        {
            let _ = write!(title, " {shown}={value}");
        }
    }
    title
}
