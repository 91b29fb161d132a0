//! Codes of this stage: S02xx names, S03xx dimensions, S04xx values and ranges.

use crate::diagnostic::Code;

/// Two definitions of one kind share a name.
pub const DUPLICATE_DEFINITION: Code = Code::new("S0201", "duplicate-definition");
/// A name that no definition of the needed kind has.
pub const UNKNOWN_NAME: Code = Code::new("S0202", "unknown-name");
/// A field that the definition does not have.
pub const UNKNOWN_FIELD: Code = Code::new("S0203", "unknown-field");
/// A field, a range or a list item that is given twice.
pub const DUPLICATE_FIELD: Code = Code::new("S0204", "duplicate-field");
/// A field or a range that must be given.
pub const MISSING_FIELD: Code = Code::new("S0205", "missing-field");
/// A reference left out although several definitions could be meant.
pub const AMBIGUOUS: Code = Code::new("S0206", "ambiguous-reference");
/// A reference left out although there is no definition it could mean.
pub const MISSING_DEFINITION: Code = Code::new("S0207", "missing-definition");
/// A metric that the table does not have.
pub const UNKNOWN_METRIC: Code = Code::new("S0208", "unknown-metric");
/// A published model that the catalogue does not have.
pub const UNKNOWN_MODEL: Code = Code::new("S0209", "unknown-published-model");
/// A word that is none of the few a field takes.
pub const UNKNOWN_WORD: Code = Code::new("S0210", "unknown-word");
/// A law of unknown form.
pub const UNKNOWN_LAW: Code = Code::new("S0211", "unknown-law");
/// A target that nothing is emitted for.
pub const UNKNOWN_TARGET: Code = Code::new("S0212", "unknown-target");
/// A function that the language does not have.
pub const UNKNOWN_FUNCTION: Code = Code::new("S0213", "unknown-function");
/// A device, or a rate of a device, that is not known.
pub const UNKNOWN_DEVICE: Code = Code::new("S0214", "unknown-device");
/// A name or an entry that has its meaning elsewhere.
pub const MISPLACED: Code = Code::new("S0215", "misplaced");
/// A name that the language has given already.
pub const TAKEN: Code = Code::new("S0216", "taken-name");
/// A value that is defined by itself.
pub const CIRCLE: Code = Code::new("S0217", "circular-definition");
/// A requirement on the time or memory of what the search does not say.
pub const NO_HARDWARE: Code = Code::new("S0218", "no-hardware");
/// A goal that is none of the few a search may prefer.
pub const UNKNOWN_GOAL: Code = Code::new("S0219", "unknown-goal");
/// A loss is asked of a law that has none, or nothing is.
pub const NO_LOSS: Code = Code::new("S0220", "no-loss");
/// A trainer whose logs are not known.
pub const UNKNOWN_TRAINER: Code = Code::new("S0221", "unknown-trainer");
/// The price of a device that neither the plan nor a file of prices gives.
pub const NO_PRICE: Code = Code::new("S0222", "no-price");
/// A measured time that is below what the device's data sheet allows.
pub const TOO_FAST: Code = Code::new("S0223", "faster-than-the-device");
/// Measured passes that the time model brings together badly.
pub const PASSES_APART: Code = Code::new("S0224", "passes-apart");

/// A value of another dimension than its field's.
pub const DIMENSION: Code = Code::new("S0301", "dimension-mismatch");
/// Two sides of a sum or a comparison are of different dimensions.
pub const UNLIKE: Code = Code::new("S0302", "unlike-operands");
/// Kinds of compute that do not mix.
pub const COMPUTE_KIND: Code = Code::new("S0303", "compute-kind");
/// Compute that does not say whether it is forward or training.
pub const UNSTATED_KIND: Code = Code::new("S0304", "unstated-compute-kind");
/// A unit that does not exist, or a prefix that a unit does not take.
pub const UNKNOWN_UNIT: Code = Code::new("S0305", "unknown-unit");
/// `as` or a function of compute on something that is no compute.
pub const NO_COMPUTE: Code = Code::new("S0306", "no-compute");
/// A dimension with an exponent beyond 127.
pub const EXPONENT: Code = Code::new("S0307", "dimension-too-high");

/// A text where a number is needed, and the like.
pub const WRONG_TYPE: Code = Code::new("S0401", "wrong-type");
/// A number outside of its range.
pub const OUT_OF_RANGE: Code = Code::new("S0402", "out-of-range");
/// A fraction where a whole number is needed.
pub const NOT_WHOLE: Code = Code::new("S0403", "not-whole");
/// A model that cannot be built, whatever the shape.
pub const UNBUILDABLE: Code = Code::new("S0404", "unbuildable-model");
/// Weights that do not sum to 1.
pub const WEIGHTS: Code = Code::new("S0405", "weights");
/// A range whose end lies before its beginning.
pub const EMPTY_RANGE: Code = Code::new("S0406", "empty-range");
/// No width of a range is divisible by the heads.
pub const HEADS: Code = Code::new("S0407", "heads-divide-no-width");
/// A path that does not stay below the output folder, or that not every system can hold.
pub const BAD_PATH: Code = Code::new("S0408", "bad-path");
/// Two artefacts at one path.
pub const SAME_PATH: Code = Code::new("S0409", "same-path");
/// A division by zero, or a result beyond the range of numbers.
pub const NO_VALUE: Code = Code::new("S0410", "no-value");
/// An uncertain value where an exact one is needed.
pub const NOT_EXACT: Code = Code::new("S0411", "not-exact");
/// A law of a kind that cannot be used here.
pub const WRONG_LAW: Code = Code::new("S0412", "wrong-law");
/// A plan without a law and without a search.
pub const NOTHING_ASKED: Code = Code::new("S0413", "nothing-asked");
/// Fields of which only one may be given.
pub const EXCLUSIVE: Code = Code::new("S0414", "exclusive-fields");
/// A requirement that does not speak of the shape.
pub const CONSTANT_REQUIREMENT: Code = Code::new("S0415", "constant-requirement");
/// Two sides of a comparison are of different types.
pub const INCOMPARABLE: Code = Code::new("S0416", "incomparable");
/// A plan with more definitions, or a list with more elements, than anyone needs.
pub const TOO_LARGE: Code = Code::new("S0417", "too-many-parts");
/// The rest of many mistakes.
pub const TOO_MANY: Code = Code::new("S0418", "more-mistakes");

/// A table without shapes where they are needed.
pub const SHAPELESS: Code = Code::new("S0419", "shapeless-table");
/// A table without an input of the law that is fitted to it.
pub const NO_INPUT: Code = Code::new("S0420", "no-input");
/// Passes of the processes that fill no batch.
pub const BATCH_SPLIT: Code = Code::new("S0421", "batch-split");
/// Floats of 16 bits that no kernel works with together.
pub const FLOATS: Code = Code::new("S0425", "floats-apart");

/// All of them.
pub const ALL: &[Code] = &[
    DUPLICATE_DEFINITION,
    UNKNOWN_NAME,
    UNKNOWN_FIELD,
    DUPLICATE_FIELD,
    MISSING_FIELD,
    AMBIGUOUS,
    MISSING_DEFINITION,
    UNKNOWN_METRIC,
    UNKNOWN_MODEL,
    UNKNOWN_WORD,
    UNKNOWN_LAW,
    UNKNOWN_TARGET,
    UNKNOWN_FUNCTION,
    UNKNOWN_DEVICE,
    MISPLACED,
    TAKEN,
    CIRCLE,
    NO_HARDWARE,
    NO_PRICE,
    TOO_FAST,
    PASSES_APART,
    DIMENSION,
    UNLIKE,
    COMPUTE_KIND,
    UNSTATED_KIND,
    UNKNOWN_UNIT,
    NO_COMPUTE,
    EXPONENT,
    WRONG_TYPE,
    OUT_OF_RANGE,
    NOT_WHOLE,
    UNBUILDABLE,
    WEIGHTS,
    EMPTY_RANGE,
    HEADS,
    BAD_PATH,
    SAME_PATH,
    NO_VALUE,
    NOT_EXACT,
    WRONG_LAW,
    NOTHING_ASKED,
    EXCLUSIVE,
    CONSTANT_REQUIREMENT,
    INCOMPARABLE,
    TOO_LARGE,
    TOO_MANY,
    SHAPELESS,
    NO_INPUT,
    BATCH_SPLIT,
    FLOATS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_their_ranges() {
        for (i, code) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.id != code.id && other.name != code.name), "{}", code.id);
            assert!(["S02", "S03", "S04"].contains(&&code.id[..3]) && code.id.len() == 5, "{}", code.id);
        }
    }
}
