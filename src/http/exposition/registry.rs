//! The collector's own metrics, from the registry of the prometheus crate: its own text, or OpenMetrics.

use super::Format;
use super::number::push_number;
use crate::store::push_escaped;
use crate::telemetry;
use crate::telemetry::http as events;
use prometheus::TextEncoder;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

/// All of them.
pub(super) fn push_own(out: &mut Vec<u8>, format: Format) {
    let families = telemetry::registry().gather();
    match format {
        Format::Text => {
            let mut own = String::new();
            match TextEncoder::new().encode_utf8(&families, &mut own) {
                Ok(()) => out.extend_from_slice(own.as_bytes()),
                Err(error) => events::answer_failed(&error),
            }
        }
        Format::OpenMetrics => families.iter().for_each(|it| push_family(out, it)),
    }
}

fn push_family(out: &mut Vec<u8>, family: &MetricFamily) {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => "counter",
        MetricType::HISTOGRAM => "histogram",
        _ => "gauge",
    };
    let name = family.name();
    Format::OpenMetrics.push_head(out, name, kind, family.help());
    for metric in family.get_metric() {
        let labels = metric.get_label();
        match family.get_field_type() {
            MetricType::COUNTER => {
                push_sample(out, (name, ""), labels, None, metric.get_counter().get_value());
            }
            MetricType::HISTOGRAM => push_histogram(out, name, metric),
            _ => push_sample(out, (name, ""), labels, None, metric.get_gauge().get_value()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a process stay below 2^53")]
fn push_histogram(out: &mut Vec<u8>, name: &str, metric: &Metric) {
    let (labels, histogram) = (metric.get_label(), metric.get_histogram());
    let count = histogram.get_sample_count() as f64;
    for bucket in histogram.get_bucket() {
        let within = bucket.cumulative_count() as f64;
        push_sample(out, (name, "_bucket"), labels, Some(bucket.upper_bound()), within);
    }
    push_sample(out, (name, "_bucket"), labels, Some(f64::INFINITY), count);
    push_sample(out, (name, "_count"), labels, None, count);
    push_sample(out, (name, "_sum"), labels, None, histogram.get_sample_sum());
}

/// `bound`: a bucket's, for its label `le`.
fn push_sample(
    out: &mut Vec<u8>,
    (name, suffix): (&str, &str),
    labels: &[LabelPair],
    bound: Option<f64>,
    value: f64,
) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    let mut separator = b'{';
    let mut label = |name: &str, push: &dyn Fn(&mut Vec<u8>)| {
        out.push(separator);
        separator = b',';
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        push(out);
        out.push(b'"');
    };
    for it in labels {
        label(it.name(), &|out| push_escaped(out, it.value()));
    }
    if let Some(bound) = bound {
        label("le", &|out| push_bound(out, bound));
    }
    if separator == b',' {
        out.push(b'}');
    }
    out.push(b' ');
    push_number(out, value);
    out.push(b'\n');
}

/// Bounds are labels, so that they must be written in one way: OpenMetrics wants a point (1.0).
fn push_bound(out: &mut Vec<u8>, bound: f64) {
    if bound.is_finite() {
        out.extend_from_slice(format!("{bound:?}").as_bytes());
    } else {
        out.extend_from_slice(b"+Inf");
    }
}
