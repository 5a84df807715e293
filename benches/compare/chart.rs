//! Bars, as SVG that a browser shows in light and in dark.

use std::fmt::Write;

use crate::report::short;

const WIDTH: usize = 760;
/// Where the bars begin, and how long the longest is.
const LEFT: usize = 250;
const LONGEST: f64 = 400.0;
const STEP: usize = 26;
const TOP: usize = 40;

/// One bar a contender, in their order; ours stand out.
pub(crate) fn bars(title: &str, medians: &[(String, f64)]) -> String {
    let most = medians.iter().map(|(_, median)| *median).fold(f64::MIN_POSITIVE, f64::max);
    let height = TOP + STEP * medians.len() + 10;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n\
         <style>text{{font:13px system-ui,sans-serif;fill:#24292f}}.title{{font-weight:600}}.ours{{fill:#0f766e}}\
         .other{{fill:#94a3b8}}@media(prefers-color-scheme:dark){{text{{fill:#e6edf3}}.ours{{fill:#2dd4bf}}\
         .other{{fill:#64748b}}}}</style>\n<text class=\"title\" x=\"8\" y=\"22\">{title}</text>\n"
    );
    for (number, (name, median)) in medians.iter().enumerate() {
        let (y, length) = (TOP + STEP * number, (median / most * LONGEST).max(1.0));
        let class = if name.starts_with("taphouse") { "ours" } else { "other" };
        let (text, behind) = (y + 14, LEFT as f64 + length + 8.0);
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"18\" rx=\"3\"/>\
             <text x=\"{behind:.1}\" y=\"{text}\">{}</text>",
            LEFT - 10,
            short(*median),
        )
        .expect("a String takes all");
    }
    svg + "</svg>\n"
}
