//! Events: the few fields of their protocol buffers that say numbers, texts and hyperparameters.
//!
//! The numbers of the fields are those of TensorFlow's `event.proto`, `summary.proto`, `tensor.proto` and of
//! TensorBoard's `plugin_data.proto`; fields that are not known, and messages that break off, are left out.

/// What is read of an event.
#[derive(Debug, PartialEq)]
pub(super) enum Logged {
    /// A number under its tag.
    Scalar(String, f64),
    /// A text under its tag.
    Text(String, String),
    /// A hyperparameter.
    Hyperparameter(String, Given),
    /// Whether a trial ended as it was meant to.
    Ended(bool),
    /// A writer began anew: what was logged from this step on is void.
    Restart,
}

/// The value of a hyperparameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A truth value.
    Truth(bool),
}

/// The step of an event, and what it logs.
pub(super) fn event(bytes: &[u8]) -> (i64, Vec<Logged>) {
    let mut step = 0;
    let mut logged = Vec::new();
    for field in Fields(bytes) {
        match field {
            (2, Field::Number(number)) => step = number.cast_signed(),
            (5, Field::Bytes(summary)) => {
                let values = Fields(summary).filter_map(|(number, field)| field.bytes().filter(|_| number == 1));
                values.for_each(|bytes| value(bytes, &mut logged));
            }
            (7, Field::Bytes(log)) if number(log, 1) == Some(1) => logged.push(Logged::Restart),
            _ => {}
        }
    }
    (step, logged)
}

/// One value of a summary.
fn value(bytes: &[u8], logged: &mut Vec<Logged>) {
    let (mut tag, mut simple, mut tensor, mut plugin) = (String::new(), None, None, None);
    for field in Fields(bytes) {
        match field {
            (1, Field::Bytes(bytes)) => tag = text(bytes),
            (2, Field::Four(bytes)) => simple = Some(f64::from(f32::from_le_bytes(bytes))),
            (8, Field::Bytes(bytes)) => tensor = Some(bytes),
            (9, Field::Bytes(metadata)) => plugin = inner(metadata, 1),
            _ => {}
        }
    }
    let name = plugin.and_then(|plugin| inner(plugin, 1)).map(text).unwrap_or_default();
    if name == "hparams" {
        let content = plugin.and_then(|plugin| inner(plugin, 2)).unwrap_or_default();
        hyperparameters(content, logged);
    } else if name == "text" {
        let string = tensor.and_then(|tensor| inner(tensor, 8));
        logged.extend(string.map(|string| Logged::Text(tag, text(string))));
    } else if let Some(number) = simple.or_else(|| scalar(tensor?)) {
        logged.push(Logged::Scalar(tag, number));
    }
}

/// The one number of a tensor; none of a tensor of texts or of more numbers.
fn scalar(tensor: &[u8]) -> Option<f64> {
    let (mut kind, mut content, mut values) = (0, &[][..], [&[][..]; 2]);
    for field in Fields(tensor) {
        match field {
            (1, Field::Number(number)) => kind = number,
            (4, Field::Bytes(bytes)) => content = bytes,
            // A list of one number may be packed or not.
            (5 | 6, Field::Bytes(bytes)) => values = [bytes, content],
            (5, Field::Four(bytes)) => return Some(f64::from(f32::from_le_bytes(bytes))),
            (6, Field::Eight(bytes)) => return Some(f64::from_le_bytes(bytes)),
            _ => {}
        }
    }
    let bytes = if content.is_empty() { values[0] } else { content };
    match kind {
        1 => Some(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
        2 => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// What the plugin of hyperparameters says of a trial.
fn hyperparameters(content: &[u8], logged: &mut Vec<Logged>) {
    if let Some(start) = inner(content, 3) {
        let entries = Fields(start).filter_map(|(number, field)| field.bytes().filter(|_| number == 1));
        for entry in entries {
            let name = inner(entry, 1).map(text).unwrap_or_default();
            let given = Fields(inner(entry, 2).unwrap_or_default()).find_map(|field| match field {
                (2, Field::Eight(bytes)) => Some(Given::Number(f64::from_le_bytes(bytes))),
                (3, Field::Bytes(bytes)) => Some(Given::Text(text(bytes))),
                (4, Field::Number(truth)) => Some(Given::Truth(truth != 0)),
                _ => None,
            });
            logged.extend(given.map(|given| Logged::Hyperparameter(name, given)));
        }
    }
    if let Some(end) = inner(content, 4) {
        // Unknown is what is not written; 2 is failure and 3 running.
        logged.push(Logged::Ended(!matches!(number(end, 1), Some(2 | 3))));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bytes of a field; of more, the last.
fn inner(bytes: &[u8], wanted: u64) -> Option<&[u8]> {
    Fields(bytes).filter(|(number, _)| *number == wanted).filter_map(|(_, field)| field.bytes()).last()
}

fn number(bytes: &[u8], wanted: u64) -> Option<u64> {
    Fields(bytes).find_map(|(number, field)| match field {
        Field::Number(value) if number == wanted => Some(value),
        _ => None,
    })
}

/// A field as it is written.
#[derive(Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Eight([u8; 8]),
    Bytes(&'a [u8]),
    Four([u8; 4]),
}

impl<'a> Field<'a> {
    const fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// The fields of a message with their numbers, up to where it breaks off.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Seven bits a byte, the least first.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Number(self.varint()?),
            1 => Field::Eight(self.take(8)?.try_into().ok()?),
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Four(self.take(4)?.try_into().ok()?),
            _ => return None,
        };
        Some((key >> 3, field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of bytes.
    fn of(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
    }

    #[test]
    fn numbers_are_read_as_all_writers_write_them() {
        let scalar = |tensor: Vec<u8>| of(8, &tensor);
        let [half, double] = [0.5_f32.to_le_bytes().to_vec(), 0.1_f64.to_le_bytes().to_vec()];
        for (value, wanted) in [
            ([&[0x15][..], &half].concat(), Some(0.5)),
            (scalar([&[8, 1][..], &of(5, &half)].concat()), Some(0.5)),
            (scalar([&[8, 1, 0x2d][..], &half].concat()), Some(0.5)),
            (scalar([&[8, 1][..], &of(4, &half)].concat()), Some(0.5)),
            (scalar([&[8, 2][..], &of(6, &double)].concat()), Some(0.1)),
            (scalar([&[8, 2, 0x31][..], &double].concat()), Some(0.1)),
            (scalar([&[8, 2][..], &of(4, &double)].concat()), Some(0.1)),
            (scalar([&[8, 2][..], &of(4, &[double.clone(), double].concat())].concat()), None),
            (scalar([&[8, 7][..], &of(8, b"text")].concat()), None),
            (Vec::new(), None),
        ] {
            let summary = of(1, &[of(1, b"val/top1"), value].concat());
            let bytes = [&[0x10, 200, 1][..], &of(5, &summary)].concat();
            let logged = wanted.map(|number| Logged::Scalar("val/top1".to_owned(), number));
            assert_eq!(event(&bytes), (200, logged.into_iter().collect()));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            event(&bytes);
            event(&of(5, &of(1, &bytes[..bytes.len().min(100)])));
            hyperparameters(&bytes, &mut Vec::new());
            scalar(&bytes);
        }
    }
}
