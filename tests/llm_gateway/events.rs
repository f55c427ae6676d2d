//! Server-sent events, however they are written and cut up.

use crate::sse::{Events, Malformed};

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<String>, Malformed> {
    let mut events = Events::default();
    let mut all = Vec::new();
    for piece in pieces {
        events.push(piece);
        while let Some(event) = events.next()? {
            all.push(event);
        }
    }
    Ok(all)
}

#[test]
fn it_does_not_matter_where_the_bytes_are_cut() {
    let lines = "\u{feff}data: {\"é\": 1}\n\n: no data\nevent: x\nid\ndata:two\ndata\ndata:  lines\n\n\n\
                 data: 🦜\n\nretry: 5\n\ndata: no end";
    for end in ["\n", "\r\n", "\r"] {
        let text = lines.replace('\n', end);
        let expected = ["{\"é\": 1}", "two\n\n lines", "🦜"];
        let bytes = text.as_bytes();
        assert_eq!(read([bytes]).expect("events"), expected);
        assert_eq!(read(bytes.chunks(1)).expect("events"), expected);
        for cut in 0..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            assert_eq!(read([first, second]).expect("events"), expected, "{cut}");
        }
    }
}

#[test]
fn what_is_no_text_or_never_ends_is_malformed() {
    assert_eq!(read([&b"data: \xff\n\n"[..]]), Err(Malformed));
    let piece = [b'a'; 1000];
    let endless = std::iter::once(&b"data: "[..]).chain(std::iter::repeat_n(&piece[..], 1100));
    assert_eq!(read(endless), Err(Malformed));
    let line = [&b"data: "[..], &piece, b"\n"].concat();
    let endless = std::iter::repeat_n(line.as_slice(), 1100);
    assert_eq!(read(endless), Err(Malformed));
    // The same number of bytes is no trouble where events end.
    let event = [line, b"\n".to_vec()].concat();
    let events = read(std::iter::repeat_n(event.as_slice(), 1100));
    assert_eq!(events.map(|events| events.len()), Ok(1100));
}
