//! A race: contenders measured in turn within one run, so that whatever else the machine does meets all alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How often each contender runs. Odd, so that the median is one of the rounds.
const ROUNDS: usize = 31;

/// Somebody who does the work in question.
pub(crate) struct Contender<'a> {
    name: &'a str,
    /// How many times a call of its work does what is measured.
    batch: u32,
    // The loop is within, or calling it would cost as much as what is measured.
    repeat: Box<dyn FnMut(u32) -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    /// Does `work` again and again; what it returns counts as used.
    #[allow(dead_code, reason = "some work has to time itself")]
    pub(crate) fn new<T>(name: &'a str, mut work: impl FnMut() -> T + 'a) -> Contender<'a> {
        let repeat = move |times| {
            for _ in 0..times {
                black_box(work());
            }
        };
        Contender { name, batch: 1, repeat: Box::new(timed(repeat)) }
    }

    /// The same, when `work` times itself: it does so as often as it is told, and says how long that took. For work whose
    /// preparations are not measured.
    #[allow(dead_code, reason = "most benches have nothing to prepare")]
    pub(crate) fn timing_itself(name: &'a str, work: impl FnMut(u32) -> Duration + 'a) -> Contender<'a> {
        Contender { name, batch: 1, repeat: Box::new(work) }
    }

    /// Says that one call of `work` does what is measured `batch` times.
    #[allow(dead_code, reason = "not every bench works in batches")]
    pub(crate) fn in_batches_of(self, batch: u32) -> Contender<'a> {
        Contender { batch, ..self }
    }

    fn time(&mut self, times: u32) -> Duration {
        (self.repeat)(times.div_ceil(self.batch))
    }
}

#[allow(dead_code, reason = "some work has to time itself")]
fn timed(mut repeat: impl FnMut(u32)) -> impl FnMut(u32) -> Duration {
    move |times| {
        let start = Instant::now();
        repeat(times);
        start.elapsed()
    }
}

/// Runs all contenders in turn, `times` times in each round, and prints what one time cost: median, least, most,
/// and the median's ratio to that of the fastest of the `others`. Returns our ratio.
pub(crate) fn race(title: &str, times: u32, ours: Contender<'_>, others: Vec<Contender<'_>>) -> f64 {
    let mut contenders = vec![ours];
    contenders.extend(others);
    let mut rounds = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    for contender in &mut contenders {
        contender.time(times);
    }
    for round in 0..ROUNDS {
        // Each time another one goes first.
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            let elapsed = contenders[index].time(times);
            rounds[index].push(elapsed.as_secs_f64() * 1e9 / f64::from(times));
        }
    }
    for nanoseconds in &mut rounds {
        nanoseconds.sort_by(f64::total_cmp);
    }

    let median = |index: usize| rounds[index][ROUNDS / 2];
    let fastest = (1..contenders.len()).map(median).fold(f64::INFINITY, f64::min);
    println!("\n{title}: {ROUNDS} rounds of {times}, in turn");
    println!("{:32} {:>11} {:>20} {:>12}", "", "median", "least – most", "of fastest");
    for (index, contender) in contenders.iter().enumerate() {
        let (least, most) = (rounds[index][0], rounds[index][ROUNDS - 1]);
        let spread = format!("{least:.2} – {most:.2}");
        println!("{:32} {:>8.2} ns {spread:>20} {:>12.2}", contender.name, median(index), median(index) / fastest);
    }
    median(0) / fastest
}
