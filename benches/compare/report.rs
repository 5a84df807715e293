//! What was measured, as tables: on the terminal, and in `docs/benchmarks.md`.

use std::fmt::{self, Write};
use std::fs;
use std::time::Duration;

use crate::chart;
use crate::lab::Failure;
use crate::row::{Kind, MEASURED, Row, WARM_UP};

const DOCUMENT: &str = "docs/benchmarks.md";
const CHARTS: &str = "docs/benchmarks";

/// One figure of one contender.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figure {
    /// In the row's unit; of times, the median.
    pub(crate) value: f64,
    /// Of times, what 99 and 99.9 of a hundred are below.
    pub(crate) tails: Option<[f64; 2]>,
    /// How long the contender was looked at, and the processor time that it used meanwhile, in seconds.
    pub(crate) span: Duration,
    pub(crate) used: f64,
    /// Its memory then, in bytes.
    pub(crate) resident: u64,
}

impl Figure {
    /// Of times that are sorted.
    pub(crate) fn of_trips(trips: Vec<Duration>) -> Figure {
        let below =
            |share: f64| trips[((trips.len() as f64 * share) as usize).min(trips.len() - 1)].as_nanos() as f64 / 1e3;
        Figure { value: below(0.5), tails: Some([below(0.99), below(0.999)]), ..Figure::default() }
    }
}

/// One of each contender, measured one right after the other.
pub(crate) type Round = Vec<Figure>;

/// A row, measured.
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) rounds: Vec<Round>,
    /// Cores that others, the kernel's work for nobody included, kept busy at most.
    pub(crate) disturbed: f64,
}

impl Measured {
    /// The name of a contender, with what is idle at it.
    fn name(&self, index: usize) -> String {
        let name = self.row.contenders[index].name();
        match self.row.idle[index] {
            0 => name,
            idle => format!("{name}, {idle} idle"),
        }
    }

    fn sorted(&self, of: impl Fn(&Round) -> f64) -> Vec<f64> {
        let mut figures: Vec<_> = self.rounds.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        figures
    }

    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        let figures = self.sorted(of);
        figures[figures.len() / 2]
    }

    /// What a contender's figure is; of nothing to do, the share of a core that it used.
    fn value(&self, figure: &Figure) -> f64 {
        match self.row.kind {
            Kind::Nothing => 100.0 * figure.used / figure.span.as_secs_f64(),
            _ => figure.value,
        }
    }

    /// Each contender's name and its median.
    pub(crate) fn medians(&self) -> Vec<(String, f64)> {
        (0..self.row.contenders.len())
            .map(|index| (self.name(index), self.median(|round| self.value(&round[index]))))
            .collect()
    }

    /// Our rate in that of another in the median round, or our time in its time; and between what that lies with 95 % confidence.
    fn ratio(&self, ours: usize, other: usize) -> [f64; 3] {
        let ratios = self.sorted(|round| self.value(&round[ours]) / self.value(&round[other]));
        let outside = outside(ratios.len());
        [ratios[ratios.len() / 2], ratios[outside], ratios[ratios.len() - 1 - outside]]
    }

    /// What was used and what was moved in all rounds: told in hundredths of a second, one round's means little.
    fn cost(&self, index: usize) -> f64 {
        // The rate holds for the warm-up, too, as nearly as processor time can be told.
        let moved = |figure: &Figure| figure.value / 8.0 * figure.span.as_secs_f64();
        let sum = |of: &dyn Fn(&Figure) -> f64| self.rounds.iter().map(|round| of(&round[index])).sum::<f64>();
        sum(&|figure| figure.used) / sum(&moved)
    }

    /// Whether the columns of tails and of processor time mean something.
    fn columns(&self) -> (bool, bool) {
        (matches!(self.row.kind, Kind::Datagram | Kind::Request(_)), matches!(self.row.kind, Kind::Bulk(..)))
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.row.unit();
        let (tails, bulk) = self.columns();
        writeln!(f, "## {}\n", self.row.name)?;
        write!(f, "| | {unit}, median | least – most |")?;
        let mut rule = "|---|--:|--:|".to_owned();
        if tails {
            write!(f, " p99 | p99.9 |")?;
            rule += "--:|--:|";
        }
        if bulk {
            write!(f, " CPU seconds a GB |")?;
            rule += "--:|";
        }
        writeln!(f, " RSS, MiB |\n{rule}--:|")?;
        for index in 0..self.row.contenders.len() {
            let values = self.sorted(|round| self.value(&round[index]));
            let (least, median, most) = (values[0], values[values.len() / 2], values[values.len() - 1]);
            write!(f, "| {} | {} | {} – {} |", self.name(index), short(median), short(least), short(most))?;
            if tails {
                let tail = |which: usize| self.median(|round| round[index].tails.map_or(0.0, |tails| tails[which]));
                write!(f, " {} | {} |", short(tail(0)), short(tail(1)))?;
            }
            if bulk {
                write!(f, " {:.3} |", self.cost(index))?;
            }
            writeln!(f, " {:.1} |", self.median(|round| round[index].resident as f64 / 1_048_576.0))?;
        }
        writeln!(f)?;
        for (ours, other, asked) in &self.row.asked {
            let [median, least, most] = self.ratio(*ours, *other);
            let is_held = if self.row.is_time() { median <= *asked } else { median >= *asked };
            let bound = if self.row.is_time() { "at most" } else { "at least" };
            let verdict = if is_held { "held" } else { "**missed**" };
            let hidden = if (least..=most).contains(asked) { ", as far as the noise lets it be told" } else { "" };
            writeln!(
                f,
                "* {} / {}: {median:.2} in the median round ({least:.2} – {most:.2}); {bound} {asked:.2} is the aim: {verdict}{hidden}",
                self.name(*ours),
                self.name(*other),
            )?;
        }
        writeln!(f, "* {} rounds; others kept at most {:.2} of a core busy", self.rounds.len(), self.disturbed)
    }
}

/// Writes the document and its charts.
pub(crate) fn write(machine: &str, all: &[Measured]) -> Result<(), Failure> {
    fs::create_dir_all(CHARTS)?;
    let mut text = format!(
        "# Benchmarks\n\nWritten by `scripts/bench compare`: one run, in which all contenders of a table were measured in turn, \
         {MEASURED:?} each after {WARM_UP:?} of warm-up, round after round. Machines differ, and are shared: the ratios say \
         something, the figures alone little. A ratio is that of two figures of the same round, in the median round; in brackets \
         stands between what it lies with 95 % confidence.\n\n{machine}\n"
    );
    for measured in all {
        let file = format!("{}.svg", measured.row.name.replace(", ", "-").replace(' ', "-").to_lowercase());
        let title = format!("{}, {}", measured.row.name, measured.row.unit());
        fs::write(format!("{CHARTS}/{file}"), chart::bars(&title, &measured.medians()))?;
        write!(text, "\n{measured}\n![{title}](benchmarks/{file})\n")?;
    }
    fs::write(DOCUMENT, text)?;
    println!("\nwritten: {DOCUMENT}");
    Ok(())
}

/// How many rounds at either end are left out, so that the median of all that there could be lies between the others with 95 %
/// confidence: each round is above it as a coin shows heads, and seldom are nearly all.
fn outside(rounds: usize) -> usize {
    let mut heads = 0;
    let mut exactly = 0.5f64.powi(rounds as i32);
    let mut at_most = exactly;
    while at_most <= 0.025 {
        exactly *= (rounds - heads) as f64 / (heads + 1) as f64;
        (heads, at_most) = (heads + 1, at_most + exactly);
    }
    heads.saturating_sub(1)
}

/// Three digits or a little more.
pub(crate) fn short(figure: f64) -> String {
    match figure {
        figure if figure >= 10_000.0 => format!("{:.0} k", figure / 1000.0),
        figure if figure >= 100.0 => format!("{figure:.0}"),
        figure if figure >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}
