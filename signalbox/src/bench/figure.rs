//! A measured figure, its goal, and how several make one.

use serde::{Serialize, Serializer};

/// Goal of a figure. A ratio compares with the bare loop of the same machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
    Ratio(&'static str),
    None,
}

#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Id of the measurement.
    pub id: &'static str,
    pub what: String,
    /// The median of the rounds.
    pub value: f64,
    pub unit: &'static str,
    #[serde(serialize_with = "told")]
    pub goal: Goal,
    /// `None` where the goal is a ratio, or there is none.
    pub met: Option<bool>,
    /// Each round's.
    pub rounds: Vec<f64>,
}

impl Figure {
    pub fn new(
        id: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        goal: Goal,
    ) -> Figure {
        Figure { id, what: what.into(), value, unit, met: goal.met(value), goal, rounds: vec![value] }
    }

    /// The figures of several rounds, which have the same figures in the same order.
    pub fn medians(rounds: Vec<Vec<Figure>>) -> Vec<Figure> {
        let mut rounds = rounds.into_iter();
        let mut figures = rounds.next().unwrap_or_default();
        for round in rounds {
            for (figure, other) in figures.iter_mut().zip(round) {
                figure.rounds.push(other.value);
            }
        }
        for figure in &mut figures {
            let mut sorted = figure.rounds.clone();
            sorted.sort_by(f64::total_cmp);
            figure.value = sorted[sorted.len() / 2];
            figure.met = figure.goal.met(figure.value);
        }
        figures
    }

    pub fn shown(&self) -> String {
        let value = match self.value {
            value if value >= 1_000.0 => thousands(value),
            value if value >= 100.0 => format!("{value:.0}"),
            value if value >= 10.0 => format!("{value:.1}"),
            value => format!("{value:.2}"),
        };
        format!("{value} {}", self.unit).trim_end().to_owned()
    }
}

impl Goal {
    fn met(self, value: f64) -> Option<bool> {
        match self {
            Goal::AtMost(most) => Some(value <= most),
            Goal::AtLeast(least) => Some(value >= least),
            Goal::Ratio(_) | Goal::None => None,
        }
    }

    pub fn shown(self) -> String {
        let number = |number: f64| if number >= 1_000.0 { thousands(number) } else { number.to_string() };
        match self {
            Goal::AtMost(most) => format!("≤ {}", number(most)),
            Goal::AtLeast(least) => format!("≥ {}", number(least)),
            Goal::Ratio(words) => words.to_owned(),
            Goal::None => String::new(),
        }
    }
}

fn told<S: Serializer>(goal: &Goal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&goal.shown())
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The value below which `share` of the values lie; 0 without values.
pub fn percentile(values: &mut [u64], share: f64) -> u64 {
    values.sort_unstable();
    let at = (values.len() as f64 * share).ceil() as usize;
    values.get(at.clamp(1, values.len().max(1)) - 1).copied().unwrap_or(0)
}

pub fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

pub const MIB: f64 = 1_048_576.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_medians_are_values_that_were_measured() {
        let mut values: Vec<u64> = (1..=100).rev().collect();
        assert_eq!([0.5, 0.99, 1.0].map(|share| percentile(&mut values, share)), [50, 99, 100]);
        assert_eq!(percentile(&mut [], 0.5), 0);
        let round = |value| vec![Figure::new("L1", "p50", value, "ms", Goal::AtMost(2.0))];
        let medians = Figure::medians(vec![round(1.0), round(9.0), round(3.0)]);
        assert_eq!((medians[0].value, medians[0].met), (3.0, Some(false)));
        assert_eq!(medians[0].rounds, [1.0, 9.0, 3.0]);
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        let shown = |value, unit| Figure::new("P1b", "", value, unit, Goal::None).shown();
        assert_eq!(shown(12_345.6, "/s"), "12,346 /s");
        assert_eq!((shown(4.321, "ms"), shown(0.0, "")), ("4.32 ms".into(), "0.00".into()));
        assert_eq!(Goal::AtLeast(50_000.0).shown(), "≥ 50,000");
    }
}
