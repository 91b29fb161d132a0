//! Which pieces of its buffers a block of each template reads and writes, step by step; as the sources do.

use super::Cache;
use crate::kernel::{Access, Argument, Extent, KernelPlan};

/// A piece is named by its buffer, its row and its column.
const fn name(buffer: u64, row: u64, column: u64) -> u64 {
    buffer << 60 | (row & 0xffff_ffff) << 28 | column & 0xfff_ffff
}

/// The blocks of one launch.
pub(super) enum Pieces {
    Product(Box<Product>),
    Attention(Attention),
    Pool(Pool),
    Heads(Heads),
    Lines(Lines),
}

/// Of the matrix products.
pub(super) struct Product {
    rows: u64,
    tile: [u64; 3],
    group: u64,
    column_tiles: u64,
    /// Columns of W's rows, and of the numbers that x has of them.
    depth: u64,
    /// Bytes of a row of x for each column of it.
    x_bytes: u64,
    x_columns: u64,
    /// Heads that have a matrix each, the rows of one, and its tiles.
    head: u64,
    head_tiles: u64,
    /// Bytes of all tables for each column, and of the statistics of a row.
    tables: u64,
    statistics: u64,
    /// Columns of the result for each of W's rows, in halves; bytes of one, and of a residual.
    halves: u64,
    out: u64,
    residual: u64,
    /// Patches of an image and the tokens before them, and whether the patches have positions.
    image: Option<(u64, u64, bool)>,
}

/// Of attention.
pub(super) struct Attention {
    tokens: u64,
    row_bytes: u64,
    queries: u64,
    query_tiles: u64,
    keys: u64,
    is_whole: bool,
}

/// Of the pooling of tokens.
pub(super) struct Pool {
    tokens: u64,
    prefix: u64,
    columns: u64,
    slice: u64,
    slices: u64,
    head_tiles: u64,
    chunk: u64,
    heads: u64,
    at_once: u64,
    scored: bool,
}

/// Of norms and rotations of queries and keys.
pub(super) struct Heads {
    vectors: u64,
    all: u64,
    tokens: u64,
    head_bytes: u64,
    table_bytes: u64,
    /// Tokens that do not turn, where others do; whether these are left alone.
    rotated: Option<u64>,
    normed: bool,
}

/// Of kernels that read rows and write rows.
pub(super) struct Lines {
    rows: u64,
    rows_per_block: u64,
    read: Vec<u64>,
    written: Vec<u64>,
    tables: u64,
}

impl Pieces {
    pub(super) fn of(plan: &KernelPlan, rows: u64) -> Self {
        match plan.template.as_str() {
            "gemm" => Self::Product(Box::new(Product::of(plan, rows))),
            "attention" => Self::Attention(Attention::of(plan)),
            "pool" => Self::Pool(Pool::of(plan)),
            "query_key" => Self::Heads(Heads::of(plan, rows)),
            _ => Self::Lines(Lines::of(plan, rows)),
        }
    }

    /// Steps of a block.
    pub(super) const fn steps(&self) -> u64 {
        match self {
            Self::Product(own) => own.depth.div_ceil(own.tile[2]) + 1,
            Self::Attention(own) => own.tokens.div_ceil(own.keys) * (1 + own.is_whole as u64) + 1,
            Self::Pool(own) => (own.tokens - own.prefix).div_ceil(own.chunk) + 2,
            Self::Heads(_) | Self::Lines(_) => 1,
        }
    }

    pub(super) fn touch(&self, block: u64, step: u64, cache: &mut Cache) {
        match self {
            Self::Product(own) => own.touch(block, step, cache),
            Self::Attention(own) => own.touch(block, step, cache),
            Self::Pool(own) => own.touch(block, step, cache),
            Self::Heads(own) => own.touch(block, cache),
            Self::Lines(own) => own.touch(block, cache),
        }
    }
}

/// A constant that divides or counts something: 1 where it is missing.
fn constant(plan: &KernelPlan, name: &str) -> u64 {
    plan.constant(name).unwrap_or(1).max(1)
}

fn has(plan: &KernelPlan, choice: &str, value: &str) -> bool {
    plan.choice(choice) == Some(value)
}

fn argument<'a>(plan: &'a KernelPlan, name: &str) -> Option<&'a Argument> {
    plan.arguments.iter().find(|argument| argument.name == name)
}

impl Product {
    fn of(plan: &KernelPlan, rows: u64) -> Self {
        let named = |name| constant(plan, name);
        let x = argument(plan, "image").or_else(|| argument(plan, "x"));
        let tables = ["bias", "sums", "gamma"].into_iter().filter(|name| argument(plan, name).is_some()).count();
        let patches = argument(plan, "image").map(|_| {
            let positions = argument(plan, "position").is_some();
            (named("PATCHES"), plan.constant("PREFIX").unwrap_or(0), positions)
        });
        let normed = has(plan, "x", "normed");
        Self {
            rows,
            tile: ["BLOCK_M", "BLOCK_N", "BLOCK_K"].map(named),
            group: named("GROUP"),
            column_tiles: named("COLUMN_TILES"),
            depth: named("K"),
            x_bytes: x.map_or(0, |x| x.dtype.bytes()),
            x_columns: plan.constant("NUMBERS").unwrap_or_else(|| named("K")),
            head: if has(plan, "x", "heads") { named("HEAD") } else { named("N") },
            head_tiles: if has(plan, "x", "heads") { named("HEAD_TILES") } else { named("COLUMN_TILES") },
            tables: 4 * tables as u64,
            statistics: if normed { super::super::layernorm::STATISTICS } else { 0 },
            halves: if has(plan, "activation", "swiglu") { 1 } else { 2 },
            out: argument(plan, "out").map_or(0, |out| out.dtype.bytes()),
            residual: argument(plan, "residual").map_or(0, |residual| residual.dtype.bytes()),
            image: patches,
        }
    }

    fn touch(&self, block: u64, step: u64, cache: &mut Cache) {
        let [block_m, block_n, block_k] = self.tile;
        // As the source orders tiles.
        let row_tiles = self.rows.div_ceil(block_m);
        let group = block / (self.group * self.column_tiles) * self.group;
        let within = block % (self.group * self.column_tiles);
        let group_size = self.group.min(row_tiles - group);
        let (row_tile, column_tile) = (group + within % group_size, within / group_size);
        let rows = block_m.min(self.rows - row_tile * block_m);
        let (head, tile) = (column_tile / self.head_tiles, column_tile % self.head_tiles);
        let columns = block_n.min(self.head - (tile * block_n).min(self.head));
        let at = step * block_k;
        if at < self.depth {
            let left = |all: u64| block_k.min(all.saturating_sub(at));
            // Heads read rows of their own.
            cache.read(name(0, row_tile, head << 20 | step), rows * left(self.x_columns) * self.x_bytes);
            cache.read(name(1, column_tile, step), columns * left(self.depth) * 2);
            return;
        }
        cache.read(name(2, column_tile, 0), columns * self.tables);
        if self.statistics > 0 {
            cache.read(name(3, row_tile, 0), rows * self.statistics);
        }
        let results = columns * self.halves / 2;
        if self.residual > 0 {
            cache.read(name(4, row_tile, column_tile), rows * results * self.residual);
        }
        let mut written = rows;
        if let Some((patches, prefix, has_positions)) = self.image {
            for row in row_tile * block_m..row_tile * block_m + rows {
                if has_positions {
                    cache.read(name(5, row % patches, column_tile), 4 * columns);
                }
                if row % patches == 0 && prefix > 0 {
                    cache.read(name(6, 0, column_tile), 4 * prefix * columns);
                    written += prefix;
                }
            }
        }
        // A forward pass puts results where the residuals were.
        let buffer = if self.residual > 0 { 4 } else { 7 };
        cache.write(name(buffer, row_tile, column_tile), written * results * self.out);
    }
}

impl Attention {
    fn of(plan: &KernelPlan) -> Self {
        let named = |name| constant(plan, name);
        Self {
            tokens: named("TOKENS"),
            row_bytes: 2 * named("HEAD"),
            queries: 16 * named("PRODUCTS_M") * named("WARPS"),
            query_tiles: named("QUERY_TILES"),
            keys: named("KEYS"),
            is_whole: has(plan, "softmax", "whole"),
        }
    }

    fn touch(&self, block: u64, step: u64, cache: &mut Cache) {
        let (head, tile) = (block / self.query_tiles, block % self.query_tiles);
        let rows = |first: u64, most: u64| most.min(self.tokens.saturating_sub(first)) * self.row_bytes;
        let queries = rows(tile * self.queries, self.queries);
        let tiles = self.tokens.div_ceil(self.keys);
        if step == 0 {
            cache.read(name(0, head, tile), queries);
        }
        let stages = if self.is_whole { 2 * tiles } else { tiles };
        if step == stages {
            return cache.write(name(3, head, tile), queries);
        }
        let bytes = rows(step % tiles * self.keys, self.keys);
        // Keys, then values; or both at once.
        if step < tiles {
            cache.read(name(1, head, step), bytes);
        }
        if !self.is_whole || step >= tiles {
            cache.read(name(2, head, step % tiles), bytes);
        }
    }
}

impl Pool {
    fn of(plan: &KernelPlan) -> Self {
        let named = |name| constant(plan, name);
        Self {
            tokens: named("TOKENS"),
            prefix: plan.constant("PREFIX").unwrap_or(0),
            columns: named("COLUMNS"),
            slice: 32 * named("VECTOR"),
            slices: named("SLICES"),
            head_tiles: named("HEAD_TILES"),
            chunk: named("WARPS") * named("IN_FLIGHT"),
            heads: named("HEADS"),
            at_once: named("AT_ONCE"),
            scored: has(plan, "weights", "scores"),
        }
    }

    fn touch(&self, block: u64, step: u64, cache: &mut Cache) {
        let image = block / (self.slices * self.head_tiles);
        let (slice, head_tile) = (block % self.slices, block / self.slices % self.head_tiles);
        let columns = self.slice.min(self.columns - slice * self.slice);
        let chunks = (self.tokens - self.prefix).div_ceil(self.chunk);
        match step {
            0 if self.scored => cache.read(name(1, image, head_tile), 4 * self.tokens * self.at_once),
            0 => {}
            _ if step <= chunks => {
                let first = self.prefix + (step - 1) * self.chunk;
                let bytes = 2 * columns * self.chunk.min(self.tokens - first);
                cache.read(name(0, image, slice << 16 | step), bytes);
            }
            _ => {
                let heads = self.at_once.min(self.heads - head_tile * self.at_once);
                cache.write(name(2, image, slice << 16 | head_tile), 2 * columns * heads);
            }
        }
    }
}

impl Heads {
    fn of(plan: &KernelPlan, rows: u64) -> Self {
        let named = |name| constant(plan, name);
        let turns = has(plan, "rotated", "halves");
        let tables = ["gamma", "beta"].into_iter().filter(|name| argument(plan, name).is_some()).count() as u64;
        Self {
            vectors: named("VECTORS"),
            all: rows.saturating_mul(2 * named("HEADS")),
            tokens: named("TOKENS"),
            head_bytes: 2 * named("HEAD_DIM"),
            table_bytes: 8 * tables * named("HEAD_DIM"),
            rotated: turns.then(|| plan.constant("PREFIX").unwrap_or(0)),
            normed: tables > 0,
        }
    }

    fn touch(&self, block: u64, cache: &mut Cache) {
        let first = block * self.vectors;
        let vectors = first..(first + self.vectors).min(self.all);
        let mut heads = vectors.end.saturating_sub(first);
        for token in vectors.map(|vector| vector % self.tokens) {
            match self.rotated {
                Some(prefix) if token >= prefix => cache.read(name(2, token, 0), 2 * self.head_bytes),
                Some(_) if !self.normed => heads -= 1,
                _ => {}
            }
        }
        if self.normed {
            cache.read(name(1, 0, 0), self.table_bytes);
        }
        cache.read(name(0, block, 0), heads * self.head_bytes);
        cache.write(name(0, block, 0), heads * self.head_bytes);
    }
}

impl Lines {
    fn of(plan: &KernelPlan, rows: u64) -> Self {
        // Of a row that holds more than one, the kernel takes one.
        let bytes = |argument: &Argument| match argument.shape.last() {
            Some(Extent::Size(size)) => size.saturating_mul(argument.dtype.bytes()),
            _ => 0,
        };
        let own = |access| {
            let list = plan.arguments.iter().filter(move |one| one.shape.len() > 1 && one.access == access);
            list.map(bytes).collect()
        };
        let tables = plan.arguments.iter().filter(|argument| argument.shape.len() == 1).map(bytes).sum();
        let rows_per_block = plan.launch.rows_per_block.max(1);
        Self { rows, rows_per_block, read: own(Access::Read), written: own(Access::Write), tables }
    }

    fn touch(&self, block: u64, cache: &mut Cache) {
        let first = block * self.rows_per_block;
        let rows = self.rows_per_block.min(self.rows.saturating_sub(first));
        for (buffer, bytes) in self.read.iter().enumerate() {
            cache.read(name(buffer as u64, block, 0), rows * bytes);
        }
        if self.tables > 0 {
            cache.read(name(14, 0, 0), self.tables);
        }
        for (buffer, bytes) in self.written.iter().enumerate() {
            cache.write(name(8 + buffer as u64, block, 0), rows * bytes);
        }
    }
}
