//! The table of one measurement, and what is asked of it.

/// The contenders, in the order of every table.
pub(crate) const NAMES: [&str; 3] = ["swap loop", "taphouse", "smoltcp 0.14"];
pub(crate) const SWAP: usize = 0;
pub(crate) const TAPHOUSE: usize = 1;
pub(crate) const SMOLTCP: usize = 2;

/// The least share of the swap loop's rate that taphouse has to reach.
const OF_SWAP: f64 = 0.90;
const OF_SMOLTCP: f64 = 1.0;

/// One figure of each contender, measured one right after the other.
pub(crate) type Round = [f64; NAMES.len()];

/// Prints medians, spreads and ratios.
pub(crate) fn print(title: &str, unit: &str, rounds: &[Round]) {
    println!("\n{title}, {} rounds", rounds.len());
    println!("  {:14} {:>12} {:>23}", "", "median", "least – most");
    for (index, name) in NAMES.iter().enumerate() {
        let figures = sorted(rounds.iter().map(|round| round[index]));
        let spread = format!("{} – {}", short(figures[0]), short(figures[figures.len() - 1]));
        println!("  {name:14} {:>8} {unit:3} {spread:>23}", short(middle(&figures)));
    }
    for of in [SWAP, SMOLTCP] {
        let (medians, rounds) = ratios(rounds, of);
        let (least, most) = (rounds[0], rounds[rounds.len() - 1]);
        let median = middle(&rounds);
        let of = NAMES[of];
        println!(
            "  taphouse / {of}: {medians:.3} of the medians, {median:.3} in the median round ({least:.3} – {most:.3})"
        );
    }
}

/// What is asked of rates, and not reached.
pub(crate) fn missed(title: &str, rounds: &[Round]) -> Vec<String> {
    let miss = |(of, least)| {
        let (_, rounds) = ratios(rounds, of);
        let median = middle(&rounds);
        (median < least).then(|| format!("{title}: taphouse / {} is {median:.3}, below {least}", NAMES[of]))
    };
    [(SWAP, OF_SWAP), (SMOLTCP, OF_SMOLTCP)].into_iter().filter_map(miss).collect()
}

/// taphouse to another: ratio of the medians, and the ratios of each round, sorted.
fn ratios(rounds: &[Round], of: usize) -> (f64, Vec<f64>) {
    let median = |index: usize| middle(&sorted(rounds.iter().map(|round| round[index])));
    (median(TAPHOUSE) / median(of), sorted(rounds.iter().map(|round| round[TAPHOUSE] / round[of])))
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}

fn middle(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

fn short(figure: f64) -> String {
    if figure < 1000.0 { format!("{figure:.2}") } else { format!("{:.1} k", figure / 1000.0) }
}
