//! The ratios as a picture: a bar for each, with its range and its aim, beside a line where the bare worker is.

use std::fmt::Write as _;

use crate::report::{Aim, Figure};

const LEFT: f64 = 300.0;
const WIDTH: f64 = 440.0;
const LINE: f64 = 26.0;
const TOP: f64 = 34.0;

pub(crate) fn of(figures: &[Figure]) -> String {
    let most = figures.iter().map(|figure| figure.ratio.high).fold(1.5, f64::max);
    let x = |ratio: f64| LEFT + ratio / most * WIDTH;
    let bottom = TOP + LINE * figures.len() as f64;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 {}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{one}" y="20" text-anchor="middle" fill="#555">bare worker</text>
"##,
        bottom + 12.0,
        one = x(1.0),
    );
    for (place, Figure { name, ratio, aim }) in figures.iter().enumerate() {
        let (top, middle) = (TOP + LINE * place as f64, TOP + LINE * (place as f64 + 0.5));
        let meets = match aim {
            Some(Aim::AtMost(most)) => ratio.median <= *most,
            Some(Aim::AtLeast(least)) => ratio.median >= *least,
            None => true,
        };
        let _ = writeln!(
            svg,
            r##"<text x="{}" y="{}" text-anchor="end" fill="#222">{}</text>
<rect x="{LEFT}" y="{}" width="{}" height="{}" fill="{}"/>
<path d="M{} {middle}H{}" stroke="#222"/>
<text x="{}" y="{}" fill="#222">{:.2}</text>"##,
            LEFT - 10.0,
            middle + 4.5,
            name.replace('`', ""),
            top + 4.0,
            x(ratio.median) - LEFT,
            LINE - 8.0,
            if meets { "#7aa6c2" } else { "#d9a05b" },
            x(ratio.low),
            x(ratio.high),
            x(ratio.high) + 8.0,
            middle + 4.5,
            ratio.median,
        );
        if let Some(Aim::AtMost(aim) | Aim::AtLeast(aim)) = aim {
            let _ = writeln!(svg, r##"<path d="M{} {}v{LINE}" stroke="#b03030" stroke-width="2"/>"##, x(*aim), top);
        }
    }
    let _ = writeln!(svg, r##"<path d="M{} {TOP}V{bottom}" stroke="#555" stroke-dasharray="4 3"/>"##, x(1.0));
    svg + "</svg>\n"
}
