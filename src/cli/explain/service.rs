//! What is told of a reading of a Redfish service: property, scale, request, the device's own thresholds.

use crate::model::Quantity;
use crate::redfish::Polled;
use crate::redfish::draft::{Cell, Decode};
use crate::redfish::plan::{Form, Plan};

/// What stands between value and rules.
pub(super) fn print(polled: &Polled, at: usize, quantity: Quantity) {
    match polled.raw.get(at).cloned().flatten() {
        Some(raw) => println!("  raw      {raw}"),
        None => println!("  raw      null, or not there"),
    }
    let Some(plan) = &polled.plan else { return };
    let Some(cell) = plan.wiring.cells.get(at) else { return };
    if quantity != Quantity::State {
        println!("  scale    {}", scale(cell, quantity));
    }
    println!("  request  {}", request(plan, cell.document));
    for also in plan.also(at) {
        println!("  also     {also}");
    }
    let own = plan.thresholds.iter().filter(|it| it.reading == at);
    let own: Vec<String> =
        own.map(|it| format!("{} {} {}", it.name.replace('_', " "), it.value, quantity.unit())).collect();
    if !own.is_empty() {
        println!("  device   {}  (its own thresholds; rules do not look at them)", own.join(", "));
    }
}

fn scale(cell: &Cell, quantity: Quantity) -> String {
    let unit = quantity.unit();
    match &cell.decode {
        Decode::Number(factor) => format!("1 there is {factor} {unit}"),
        Decode::Linear(factor, offset) => {
            format!("0 there is {offset} {unit}, 1 is {} {unit}", factor + offset)
        }
        Decode::Sum(parts) => format!("the sum of {}", parts.join(", ")),
        Decode::State(_) | Decode::Transfer => "a state".to_owned(),
    }
}

/// The request that brings a document in a poll, and what else it brings.
fn request(plan: &Plan, document: u32) -> String {
    let Some(request) = plan.wiring.requests.iter().find(|it| it.covers.contains(&document)) else {
        return "none".to_owned();
    };
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let what = match request.form {
        Form::Documents => "resources",
        Form::Report => "resources, whose values this report has",
    };
    let others = match request.covers.len() {
        0 | 1 => String::new(),
        all => format!("  (brings {all} {what})"),
    };
    format!("GET {}{query}{others}", request.uri)
}
