//! Which instructions a kernel is made of, read off a listing of NVIDIA's disassembler.

use serde::Serialize;

/// What a kernel's instructions are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mix {
    /// Of the loop with most matrix products; the whole kernel where these stand in no loop.
    pub main_loop: Instructions,
    /// Loads and stores of thread-local memory in the whole kernel: spills, and arrays that are no registers.
    pub local: u64,
}

/// Instructions of one warp, by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Instructions {
    /// All of them.
    pub all: u64,
    /// Products of matrices (HMMA).
    pub products: u64,
    /// Loads of matrices from shared memory (LDSM).
    pub matrix_loads: u64,
    /// Asynchronous copies to shared memory (LDGSTS).
    pub copies: u64,
    /// Those of them that copy 16 bytes a thread.
    pub wide_copies: u64,
    /// Barriers of the block (BAR).
    pub barriers: u64,
}

/// One line of a listing.
struct Instruction<'a> {
    /// The operation with its modifiers, such as `HMMA.16816.F32.BF16`.
    operation: &'a str,
    /// Where it branches to.
    target: Option<&'a str>,
    /// Whether the one below it never follows.
    ends: bool,
}

impl Mix {
    /// What a listing of nvdisasm says; none where it has no instructions.
    pub fn of(listing: &str) -> Option<Self> {
        let mut code: Vec<Instruction<'_>> = Vec::new();
        let mut labels: Vec<(&str, usize)> = Vec::new();
        for line in listing.lines() {
            match line.strip_suffix(':').filter(|label| label.starts_with(".L")) {
                Some(label) => labels.push((label, code.len())),
                None => code.extend(Instruction::read(line)),
            }
        }
        if code.is_empty() {
            return None;
        }
        let target = |label: &str| labels.iter().find(|(name, _)| *name == label).map(|(_, at)| *at);
        let next: Vec<Vec<usize>> = code
            .iter()
            .enumerate()
            .map(|(at, one)| {
                let falls = (!one.ends && at + 1 < code.len()).then_some(at + 1);
                falls.into_iter().chain(one.target.and_then(target)).filter(|&to| to < code.len()).collect()
            })
            .collect();
        let mut before = vec![Vec::new(); code.len()];
        for (at, list) in next.iter().enumerate() {
            for &to in list {
                before[to].push(at);
            }
        }
        // A loop is what its head reaches and is reached from; heads are targets of branches that lead back.
        let back = next.iter().enumerate().flat_map(|(at, list)| list.iter().filter(move |&&to| to <= at).copied());
        let mut heads: Vec<usize> = back.collect();
        heads.sort_unstable();
        heads.dedup();
        let loops = heads.into_iter().map(|head| {
            let (onwards, back) = (reached(head, &next), reached(head, &before));
            Instructions::of((0..code.len()).filter(|&at| onwards[at] && back[at]).map(|at| code[at].operation))
        });
        let whole = Instructions::of(code.iter().map(|one| one.operation));
        let main_loop = loops.filter(|one| one.products > 0).max_by_key(|one| (one.products, u64::MAX - one.all));
        let local = code.iter().filter(|one| matches!(one.name(), "LDL" | "STL")).count() as u64;
        Some(Self { main_loop: main_loop.unwrap_or(whole), local })
    }
}

/// Which instructions are reached from one, itself included.
fn reached(from: usize, next: &[Vec<usize>]) -> Vec<bool> {
    let mut seen = vec![false; next.len()];
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut seen[at], true) {
            open.extend(&next[at]);
        }
    }
    seen
}

impl<'a> Instruction<'a> {
    /// `        /*0d00*/              @!P0 BRA `(.L_x_2) ;`, and no other line.
    fn read(line: &'a str) -> Option<Self> {
        let (address, rest) = line.trim_start().strip_prefix("/*")?.split_once("*/")?;
        if address.len() < 4 || !address.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut words = rest.trim().split_once(';')?.0.split_whitespace().peekable();
        let predicated = words.next_if(|word| word.starts_with('@')).is_some();
        let operation = words.next()?;
        let name = operation.split('.').next().unwrap_or_default();
        let target = matches!(name, "BRA" | "BRX" | "CALL").then(|| words.next_back()).flatten();
        let target = target.and_then(|word| word.strip_prefix("`(")?.strip_suffix(')'));
        let ends = !predicated && matches!(name, "BRA" | "BRX" | "EXIT" | "RET");
        Some(Self { operation, target, ends })
    }

    fn name(&self) -> &'a str {
        self.operation.split('.').next().unwrap_or_default()
    }
}

impl Instructions {
    fn of<'a>(operations: impl Iterator<Item = &'a str>) -> Self {
        operations.fold(Self::default(), |sum, operation| {
            let name = operation.split('.').next().unwrap_or_default();
            let is = |wanted: &str| u64::from(name == wanted);
            Self {
                all: sum.all + 1,
                products: sum.products + is("HMMA"),
                matrix_loads: sum.matrix_loads + is("LDSM"),
                copies: sum.copies + is("LDGSTS"),
                wide_copies: sum.wide_copies
                    + if operation.split('.').any(|part| part == "128") { is("LDGSTS") } else { 0 },
                barriers: sum.barriers + is("BAR"),
            }
        })
    }

    /// Instructions for each product of matrices, itself included; none without products.
    pub fn for_each_product(&self) -> Option<f64> {
        (self.products > 0).then(|| self.all as f64 / self.products as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LISTING: &str = "
	.headerflags	@\"EF_CUDA_TEXMODE_UNIFIED\"
.text.kernel:
        /*0000*/                   IMAD.MOV.U32 R1, RZ, RZ, c[0x0][0x28] ;
        /*0010*/                   STL [R1], R2 ;
        /*0020*/                   BRA `(.L_x_0) ;
.L_x_2:
        /*0030*/                   LDGSTS.E.BYPASS.128 [R59], [R2.64], P1 ;
        /*0040*/                   LDGSTS.E.64 [R59], [R2.64] ;
        /*0050*/                   BRA `(.L_x_1) ;
.L_x_0:
        /*0060*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*0070*/              @!P0 BRA `(.L_x_2) ;
.L_x_1:
        /*0080*/                   LDSM.16.M88.4 R60, [R197+UR5] ;
        /*0090*/                   HMMA.16816.F32.BF16 R4, R60, R2, R4 ;
        /*00a0*/               @P0 BRA `(.L_x_0) ;
        /*00b0*/                   HMMA.16816.F32.BF16 R4, R60, R2, R4 ;
.L_x_3:
        /*00c0*/                   BRA `(.L_x_3);
        /*00d0*/                   EXIT ;
";

    /// Blocks that the compiler moved out of a loop's middle belong to it, what stands before and behind does not.
    #[test]
    fn a_loop_is_what_comes_back_to_its_head() {
        let Mix { main_loop, local } = Mix::of(LISTING).unwrap();
        let expected = Instructions { all: 8, products: 1, matrix_loads: 1, copies: 2, wide_copies: 1, barriers: 1 };
        assert_eq!((main_loop, local), (expected, 1));
        assert_eq!(main_loop.for_each_product(), Some(8.0));
    }

    #[test]
    fn products_without_a_loop_are_the_whole_kernel() {
        let text = LISTING.replace("@P0 BRA `(.L_x_0)", "NOP");
        let mix = Mix::of(&text).unwrap();
        assert_eq!((mix.main_loop.all, mix.main_loop.products), (14, 2));
        assert_eq!(Mix::of("no listing"), None);
    }

    proptest! {
        #[test]
        fn no_listing_is_too_strange(text in "(        /\\*[0-9a-f]{1,5}\\*/ |@P0 |\\.L_x_[0-3]:\n|BRA `\\(\\.L_x_[0-3]\\) ;\n|EXIT ;\n|HMMA ;\n|;){0,40}") {
            Mix::of(&text);
        }
    }
}
