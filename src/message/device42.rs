//! The variables of Device42's notification templates, `%(name)s`, as expressions over our fields.
//!
//! What Device42 has and we have not (ids, collectors) becomes the nearest thing, or nothing; which is said
//! in docs/rules.md.

/// Names and expressions.
const VARIABLES: &[(&str, &str)] = &[
    // Power units, UPSes.
    ("sensor_rule_id", "rule"),
    ("sensor_rule_name", "rule"),
    ("device_type", "'UPS' if rule_type == 'ups' else 'PDU'"),
    ("device_name", "labels.device or device"),
    ("device_id", "device"),
    ("device_ip", "host"),
    ("element_type", "component"),
    ("element_name", "label"),
    ("element_id", "index"),
    ("measure", "trigger"),
    ("value", "value if value is not none else reading"),
    ("units", "unit"),
    ("status", "'OK' if event == 'resolve' else 'Critical'"),
    ("remote_collector_id", "''"),
    ("remote_collector_name", "''"),
    ("date", "at"),
    // Software and operating systems.
    ("str_item_type", "'OS' if rule_type == 'operating_system' else 'Software'"),
    ("license_key", "''"),
    ("operator", "operator"),
    ("trigger_value", "threshold"),
    ("software_name", "labels.software or label"),
    ("user_name", "labels.user"),
    // Subnets, parts.
    ("subnet_name", "label"),
    ("percent_used", "value"),
    ("type", "labels.type"),
    ("prop_name", "trigger"),
    ("name", "label"),
    ("val", "threshold"),
    // The system's licence.
    ("days_to_expiration", "value"),
    ("device_used_percentage", "value"),
    ("device_used", "''"),
    ("total_device_licensed", "''"),
    ("ip_used_percentage", "value"),
    ("ip_used", "''"),
    ("total_ip_licensed", "''"),
    ("wds_ip", "''"),
];

/// The names that there are.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().map(|(name, _)| *name)
}

/// The template with expressions in place of variables; a text without any is left as it is. Conversions
/// are `s`, `d`, `i` and `f`, the latter with a number of digits (`%(value).1f`).
///
/// # Errors
/// The name that Device42 does not have.
pub(super) fn translated(source: &str) -> Result<String, String> {
    if !source.contains("%(") {
        return Ok(source.to_owned());
    }
    let mut out = String::with_capacity(source.len() * 2);
    let mut rest = source;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            // Whoever writes variables writes a percent sign twice, as in Python.
            out.push('%');
            rest = after;
            continue;
        }
        let variable = after.strip_prefix('(').and_then(|it| it.split_once(')'));
        let Some((name, (filter, after))) = variable.and_then(|(name, it)| Some((name, conversion(it)?)))
        else {
            out.push('%');
            rest = after;
            continue;
        };
        let (_, expression) = VARIABLES.iter().find(|(it, _)| *it == name).ok_or_else(|| name.to_owned())?;
        out.extend(["{{ (", expression, ")", &filter, " }}"]);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The filter for a conversion, and what follows it.
fn conversion(text: &str) -> Option<(String, &str)> {
    let digits = text.strip_prefix('.').map(|it| it.split_once('f'));
    match digits {
        Some(Some((digits, rest))) if digits.len() == 1 && digits.chars().all(|it| it.is_ascii_digit()) => {
            return Some((format!("|round({digits})"), rest));
        }
        Some(_) => return None,
        None => (),
    }
    let rest = text.strip_prefix(['s', 'd', 'i', 'f'])?;
    Some((String::new(), rest))
}
