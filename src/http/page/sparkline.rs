//! The last hour as a small curve: inline SVG, with its range in words for those who do not see it.

use super::super::history::{POINTS, Points};
use super::html::Html;

/// Of the drawing, in its own units: two a point, less the first.
const WIDTH: usize = 2 * (POINTS - 1);
const HEIGHT: f32 = 24.0;
/// Room for the line's own width.
const EDGE: f32 = 2.0;

/// Appends the curve. `name`: what it is of.
pub(super) fn push(html: &mut Html, points: &Points, name: &str) {
    let values = || points.iter().flatten().copied();
    let (least, most) = (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max));
    if most < least {
        return;
    }
    html.raw(
        "<svg class=\"past\" role=\"img\" preserveAspectRatio=\"none\" viewBox=\"-2 0 122 24\" aria-label=\"",
    );
    html.text(&format!("{name}: {} to {}", round(least), round(most)));
    html.raw("\">");
    let height = |value: f32| {
        // What stands still lies in the middle, whatever its value.
        let part = if most - least < f32::EPSILON * most.abs().max(1.0) {
            0.5
        } else {
            (value - least) / (most - least)
        };
        EDGE + (1.0 - part) * (HEIGHT - 2.0 * EDGE)
    };
    let mut is_drawing = false;
    for (at, point) in points.iter().enumerate() {
        match point {
            Some(value) => {
                html.raw(if is_drawing { " " } else { "<polyline points=\"" });
                html.raw(&format!("{},{:.1}", 2 * at, height(*value)));
                // A point alone is a line of no length, which round ends make a dot.
                if !is_drawing && points.get(at + 1).is_none_or(Option::is_none) {
                    html.raw(&format!(" {},{:.1}", 2 * at, height(*value)));
                }
                is_drawing = true;
            }
            None if is_drawing => {
                html.raw("\"/>");
                is_drawing = false;
            }
            None => (),
        }
    }
    html.raw(if is_drawing { "\"/></svg>" } else { "</svg>" });
    debug_assert_eq!(WIDTH, 118, "the drawing's box");
}

/// Two digits after the point, and none that say nothing.
fn round(value: f32) -> String {
    super::value::rounded(f64::from(value))
}

#[cfg(test)]
mod tests {
    use super::{POINTS, push};
    use crate::http::page::html::Html;

    fn drawn(last: &[Option<f32>]) -> String {
        let mut points = [None; POINTS];
        points[POINTS - last.len()..].copy_from_slice(last);
        let mut html = Html(String::new());
        push(&mut html, &points, "load");
        html.0
    }

    #[test]
    fn curves() {
        assert_eq!(drawn(&[]), "", "nothing is known");
        let rising = drawn(&[Some(1.0), Some(1.5), Some(2.0)]);
        assert!(rising.contains("aria-label=\"load: 1 to 2\""), "{rising}");
        assert!(rising.contains("<polyline points=\"114,22.0 116,12.0 118,2.0\"/></svg>"), "{rising}");
        let gap = drawn(&[Some(1.0), None, Some(2.0), Some(2.0)]);
        assert!(
            gap.contains("points=\"112,22.0 112,22.0\"/><polyline points=\"116,2.0 118,2.0\"/>"),
            "{gap}"
        );
        let level = drawn(&[Some(230.0), Some(230.0)]);
        assert!(level.contains("116,12.0 118,12.0"), "{level}");
    }
}
