//! Blocks of a file that are read or written by the call for the one before them.
//!
//! A file system that can takes larger pages for more bytes. And whoever asked hears of all of them at once: a loop that sleeps is
//! woken for them once, and to wake a core that sleeps takes longer than to read a block.

use std::io;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};

use arrayvec::ArrayVec;
use cap_std::fs::File;
use crossbeam_channel::Receiver;

use crate::application::{Outcome, Work};
use crate::base::limits;
use crate::buffer::{Block, Frame};
use crate::stack::{Answer, Asker, Order};

/// Those behind the first block, each with who is told of it. If not all of them can be read or written, each is told to have failed.
#[derive(Default)]
pub(super) struct More(ArrayVec<(Block, Answer), { limits::BLOCKS_AT_ONCE - 1 }>);

impl More {
    /// What waits already and is the same work for the same file; `next` is the order behind them.
    pub(super) fn waiting(asker: Asker, work: &Work, orders: &Receiver<Order>, next: &mut Option<Order>) -> More {
        let More(mut blocks) = More::default();
        let can_be_more = matches!(work, Work::Read(..) | Work::Write(..));
        while can_be_more && !blocks.is_full() && next.is_none() {
            let Ok(order) = orders.try_recv() else { break };
            match (order, work) {
                (
                    Order::Work { asker: whose, work: Work::Read(file, block, room), answer },
                    Work::Read(handle, _, most),
                ) if (whose, file, room) == (asker, *handle, *most) => blocks.push((block, answer)),
                (Order::Work { asker: whose, work: Work::Write(file, block), answer }, Work::Write(handle, _))
                    if (whose, file) == (asker, *handle) =>
                {
                    blocks.push((block, answer));
                }
                (order, _) => *next = Some(order),
            }
        }
        More(blocks)
    }

    /// Reads at most so many bytes into each, and fewer only at the end of the file.
    pub(super) fn read(&mut self, file: &File, first: &mut Block, most: usize) -> io::Result<Outcome> {
        let rest = self.0.iter_mut().map(|(block, _)| block);
        let mut frames: ArrayVec<&mut Frame, { limits::BLOCKS_AT_ONCE }> =
            [&mut *first].into_iter().chain(rest).map(Block::frame_mut).collect();
        frames.iter_mut().for_each(|frame| frame.truncate(0));
        let mut slices: ArrayVec<_, { limits::BLOCKS_AT_ONCE }> =
            frames.iter_mut().map(|frame| IoSliceMut::new(frame.tailroom(most))).collect();
        let mut left = read_all(file, &mut slices)?;
        drop(slices);
        for frame in frames {
            let count = left.min(frame.tailroom(most).len());
            frame.extend(count);
            left -= count;
        }
        Ok(read(first))
    }

    /// Writes all of each.
    pub(super) fn write(&self, file: &File, first: &Block) -> io::Result<Outcome> {
        let rest = self.0.iter().map(|(block, _)| block);
        let mut slices: ArrayVec<_, { limits::BLOCKS_AT_ONCE }> =
            [first].into_iter().chain(rest).map(|block| IoSlice::new(block.frame().bytes())).collect();
        write_all(file, &mut slices)?;
        Ok(Outcome::Done)
    }

    /// Tells what came of the first, and so of each.
    pub(super) fn answer(self, first: Answer, result: Result<Outcome, ErrorKind>, block: Option<Block>) {
        let as_first = |block: &Block| match &result {
            Ok(Outcome::Read | Outcome::End) => Ok(read(block)),
            other => other.clone(),
        };
        let rest = self.0.into_iter().map(|(block, answer)| (answer, as_first(&block), Some(block)));
        Answer::send_all([(first, result.clone(), block)].into_iter().chain(rest));
    }
}

/// What came of a block that was read into.
fn read(block: &Block) -> Outcome {
    if block.frame().is_empty() { Outcome::End } else { Outcome::Read }
}

/// Reads until all of these slices are full or the file ends; returns how many bytes that were.
fn read_all(mut file: &File, mut slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut all = 0;
    // Empty ones do not count.
    IoSliceMut::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.read_vectored(slices) {
            Ok(0) => break,
            Ok(count) => {
                all += count;
                IoSliceMut::advance_slices(&mut slices, count);
            }
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(all)
}

/// Writes all of these slices, one behind the other.
fn write_all(mut file: &File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Empty ones do not count.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut slices, count),
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_written_in_order_and_empty_ones_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = File::from_std(std::fs::File::create(&path).unwrap());
        let mut slices = [&b""[..], b"one ", b"", b"two ", b"three", b""].map(IoSlice::new);
        write_all(&file, &mut slices).unwrap();
        write_all(&file, &mut [IoSlice::new(b"")]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one two three");
    }

    #[test]
    fn slices_are_filled_in_order_until_the_file_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one two three").unwrap();
        let file = File::from_std(std::fs::File::open(&path).unwrap());
        let (mut first, mut second) = ([0; 4], [0; 4]);
        let mut read = || {
            let mut slices = [&mut [][..], &mut first, &mut [], &mut second].map(IoSliceMut::new);
            (read_all(&file, &mut slices).unwrap(), first, second)
        };
        assert_eq!(read(), (8, *b"one ", *b"two "));
        assert_eq!(read(), (5, *b"thre", *b"ewo "));
        assert_eq!(read().0, 0);
    }

    #[test]
    fn a_full_disk_is_told() {
        let full = File::from_std(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let why = write_all(&full, &mut [IoSlice::new(b"one"), IoSlice::new(b"two")]).unwrap_err();
        assert_eq!(why.kind(), ErrorKind::StorageFull);
    }
}
