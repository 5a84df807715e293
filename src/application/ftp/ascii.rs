//! TYPE A: lines end with CRLF on the wire and with LF in files (RFC 959 §3.1.1.1).
//!
//! Each LF of a file is sent as CRLF, also one behind a CR, and each CRLF that comes is stored as LF. So what is fetched and
//! put back is what it was, whatever is in it.

/// Writes bytes of a file as they are sent; returns how many were read and written. Stops when either ends.
pub(super) fn encode(from: &[u8], into: &mut [u8], after_cr: &mut bool) -> (usize, usize) {
    let (mut read, mut written) = (0, 0);
    while let (Some(byte), Some(place)) = (from.get(read), into.get_mut(written)) {
        written += 1;
        if *byte == b'\n' && !*after_cr {
            *after_cr = true;
            *place = b'\r';
            continue;
        }
        *after_cr = false;
        *place = *byte;
        read += 1;
    }
    (read, written)
}

/// Undoes it in place; returns how many bytes are left, and whether a CR that was held back from before goes in front of
/// them. A CR at the end is held back, for what follows says what it is.
pub(super) fn decode(bytes: &mut [u8], held: &mut bool) -> (usize, bool) {
    let Some(first) = bytes.first() else { return (0, false) };
    let in_front = std::mem::take(held) && *first != b'\n';
    let mut kept = 0;
    for at in 0..bytes.len() {
        if bytes[at] == b'\r' {
            match bytes.get(at + 1) {
                Some(b'\n') => continue,
                None => {
                    *held = true;
                    continue;
                }
                Some(_) => {}
            }
        }
        bytes[kept] = bytes[at];
        kept += 1;
    }
    (kept, in_front)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8], room: usize) -> Vec<u8> {
        let (mut sent, mut at, mut after_cr) = (Vec::new(), 0, false);
        while at < bytes.len() {
            let mut place = vec![0; room];
            let (read, written) = encode(&bytes[at..], &mut place, &mut after_cr);
            sent.extend(&place[..written]);
            at += read;
        }
        sent
    }

    fn decoded(bytes: &[u8], piece: usize) -> Vec<u8> {
        let (mut stored, mut held) = (Vec::new(), false);
        for piece in bytes.chunks(piece) {
            let mut piece = piece.to_vec();
            let (kept, in_front) = decode(&mut piece, &mut held);
            stored.extend(in_front.then_some(b'\r'));
            stored.extend(&piece[..kept]);
        }
        stored.extend(held.then_some(b'\r'));
        stored
    }

    #[test]
    fn what_is_fetched_and_put_back_is_the_same() {
        for text in [&b"a\nb\n"[..], b"a\r\nb", b"\r", b"\n\n\n", b"\r\r\n\n\r", b"x\ry\r", b""] {
            let sent = text.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
            for room in [1, 2, 3, 100] {
                assert_eq!(encoded(text, room), sent, "{text:?}");
                assert_eq!(decoded(&sent, room), text, "{text:?}");
            }
        }
    }
}
