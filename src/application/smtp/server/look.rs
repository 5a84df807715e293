//! What a piece of a message is like, before any of its bytes is looked at alone: many are at once, without a branch.

use pulp::{Arch, NullaryFnOnce};

/// Pairs of neighbours that are looked at at once.
const LANES: usize = 64;

/// Nearly always a piece is neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// There is a NUL, a CR without its LF or an LF without its CR, but for an LF at the beginning and a CR at the end.
    pub(super) flawed: bool,
    /// A line behind the first begins with a dot.
    pub(super) dotted: bool,
}

impl Look {
    pub(super) fn at(bytes: &[u8]) -> Look {
        Arch::new().dispatch(Pairs(bytes))
    }
}

/// Each byte and the one behind it, to be looked at with the widest instructions that the processor has.
struct Pairs<'a>(&'a [u8]);

impl NullaryFnOnce for Pairs<'_> {
    type Output = Look;

    #[inline(always)]
    fn call(self) -> Look {
        let Some((first, next)) = self.0.split_first() else { return Look::default() };
        let one = &self.0[..next.len()];
        let mut found = Found { alone: [0; LANES], least: [*first; LANES], dots: [0; LANES] };
        match (one.last_chunk(), next.last_chunk()) {
            (Some(last), Some(behind)) => {
                one.as_chunks().0.iter().zip(next.as_chunks().0).for_each(|(one, next)| found.look(one, next));
                // The rest, and some of those before it a second time.
                found.look(last, behind);
            }
            _ => {
                let mut padded = [[b' '; LANES]; 2];
                padded[0][..one.len()].copy_from_slice(one);
                padded[1][..one.len()].copy_from_slice(next);
                found.look(&padded[0], &padded[1]);
            }
        }
        Look { flawed: found.alone != [0; LANES] || found.least.contains(&0), dotted: found.dots != [0; LANES] }
    }
}

/// What was found, each at its place among the lanes.
struct Found {
    /// All bits, for a CR or LF without the other one.
    alone: [u8; LANES],
    least: [u8; LANES],
    /// All bits, for a dot behind an LF.
    dots: [u8; LANES],
}

impl Found {
    #[inline(always)]
    fn look(&mut self, one: &[u8; LANES], next: &[u8; LANES]) {
        let all = |so: bool| if so { u8::MAX } else { 0 };
        for at in 0..LANES {
            self.alone[at] |= all(one[at] == b'\r') ^ all(next[at] == b'\n');
            self.least[at] = self.least[at].min(next[at]);
            self.dots[at] |= all(one[at] == b'\n') & all(next[at] == b'.');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plainly(bytes: &[u8]) -> Look {
        let pairs = || bytes.windows(2);
        let flawed = bytes.contains(&0) || pairs().any(|pair| (pair[0] == b'\r') != (pair[1] == b'\n'));
        Look { flawed, dotted: pairs().any(|pair| pair == b"\n.") }
    }

    proptest! {
        #[test]
        fn many_at_once_are_as_one_after_the_other(
            lines in prop::collection::vec("[a.]{0,40}", 0..20),
            flaws in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"\r\n.\0".to_vec())), 0..3),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = lines.join("\r\n").into_bytes();
            bytes.push(b'a');
            for (at, flaw) in flaws {
                let at = at.index(bytes.len());
                bytes[at] = flaw;
            }
            let piece = &bytes[cut.index(bytes.len())..];
            prop_assert_eq!(Look::at(piece), plainly(piece));
        }
    }

    #[test]
    fn nothing_has_no_flaw() {
        assert_eq!(Look::at(b""), Look::default());
        assert_eq!(Look::at(b"\n"), Look::default());
        assert_eq!(Look::at(b"\0"), Look { flawed: true, dotted: false });
    }
}
