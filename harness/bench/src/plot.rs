//! Ratios as a picture: one row a metric and pair, a dot at the ratio, a line over its interval, on a logarithmic axis.

use maud::{Markup, html};

use super::{
    metric::Metric,
    results::{CaseResult, Ratio},
};

const WIDTH: f64 = 900.0;
const ROW: f64 = 20.0;
/// Where the axis begins and ends; the names stand before it.
const LEFT: f64 = 420.0;
const RIGHT: f64 = 880.0;
const TOP: f64 = 10.0;

/// The ratios of a case.
pub(super) fn draw(case: &CaseResult) -> Markup {
    if case.ratios.is_empty() {
        return html! {};
    }
    let axis = Axis::around(&case.ratios);
    let bottom = TOP + case.ratios.len() as f64 * ROW;
    let height = bottom + 30.0;
    html! {
        svg.ratios viewBox={ "0 0 " (WIDTH) " " (height) } role="img"
            aria-label={ "Ratios of " (case.name) } xmlns="http://www.w3.org/2000/svg" {
            @for tick in axis.ticks() {
                line.tick.one[tick == 1.0] x1=(at(axis.x(tick))) x2=(at(axis.x(tick))) y1=(TOP) y2=(bottom) {}
                text.tick x=(at(axis.x(tick))) y=(bottom + 16.0) { (tick) "×" }
            }
            @for (index, ratio) in case.ratios.iter().enumerate() {
                (row(ratio, &axis, TOP + (index as f64 + 0.5) * ROW))
            }
        }
    }
}

fn row(ratio: &Ratio, axis: &Axis, y: f64) -> Markup {
    let estimate = ratio.estimate;
    let (low, middle, high) = (
        axis.x(estimate.low),
        axis.x(estimate.ratio),
        axis.x(estimate.high),
    );
    html! {
        g class=(meaning(ratio)) {
            title { (super::table::comparison(estimate, ratio.metric)) }
            text.name x=(LEFT - 10.0) y=(y + 4.0) {
                (ratio.contender) " / " (ratio.baseline) ", " (ratio.metric)
            }
            line x1=(at(low)) x2=(at(high)) y1=(y) y2=(y) {}
            circle cx=(at(middle)) cy=(y) r="4" {}
        }
    }
}

/// How a ratio is coloured.
fn meaning(ratio: &Ratio) -> &'static str {
    let Ratio {
        metric, estimate, ..
    } = ratio;
    if !estimate.is_difference() {
        "same"
    } else if (estimate.ratio > 1.0) == Metric::is_gain(*metric) {
        "better"
    } else {
        "worse"
    }
}

/// A logarithmic axis with 1 in it.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn around(ratios: &[Ratio]) -> Self {
        let ends = |fold: fn(f64, f64) -> f64, end: fn(&Ratio) -> f64| {
            ratios.iter().map(end).fold(1.0, fold)
        };
        Self {
            low: ends(f64::min, |ratio| ratio.estimate.low) / 1.1,
            high: ends(f64::max, |ratio| ratio.estimate.high) * 1.1,
        }
    }

    fn x(&self, ratio: f64) -> f64 {
        let share = (ratio / self.low).ln() / (self.high / self.low).ln();
        LEFT + share * (RIGHT - LEFT)
    }

    /// Round ratios within it, not too many of them.
    fn ticks(&self) -> Vec<f64> {
        const FINE: [f64; 13] = [
            0.1, 0.2, 0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0,
        ];
        const COARSE: [f64; 7] = [0.01, 0.1, 0.5, 1.0, 2.0, 10.0, 100.0];
        let ticks = if self.high / self.low < 12.0 {
            FINE.as_slice()
        } else {
            COARSE.as_slice()
        };
        let within = ticks.iter().copied();
        within
            .filter(|tick| (self.low..=self.high).contains(tick))
            .collect()
    }
}

/// A place in the picture, as precise as anybody can see.
fn at(place: f64) -> String {
    format!("{place:.1}")
}
