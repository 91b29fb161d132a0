//! Images as a kernel reads them: where a patch's numbers lie, and how far its rows are apart.

use super::{Access, Argument, Dtype, Extent, KernelPlan};
use crate::vit::{ImageFormat, KernelForm, LayerNorm, Layout, Pixels};

impl KernelPlan {
    /// The form that it was planned for, as far as it shows; the usual one elsewhere.
    pub fn form(&self) -> KernelForm {
        let named = |name: &str| self.choice(name).unwrap_or_default();
        let pixels = Pixels::ALL.into_iter().find(|(name, _)| *name == named("pixels"));
        let layout = Layout::ALL.into_iter().find(|(name, _)| *name == named("order"));
        let images = ImageFormat {
            pixels: pixels.map_or_else(Pixels::default, |(_, pixels)| pixels),
            layout: layout.map_or_else(Layout::default, |(_, layout)| layout),
        };
        let layernorm = if named("x") == "normed" { LayerNorm::Folded } else { LayerNorm::Apart };
        KernelForm { images, layernorm, halves: self.halves, ..KernelForm::default() }
    }
}

/// Square images that are cut into square patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Images {
    /// Patches along a side.
    pub grid: u64,
    /// Side of a patch, in pixels.
    pub patch: u64,
    /// Colour channels.
    pub channels: u64,
    /// What the elements are.
    pub pixels: Pixels,
    /// In which order.
    pub layout: Layout,
}

impl Images {
    /// Numbers of a patch.
    pub const fn numbers(&self) -> u64 {
        self.channels.saturating_mul(self.patch).saturating_mul(self.patch)
    }

    /// Patches of an image.
    pub const fn patches(&self) -> u64 {
        self.grid.saturating_mul(self.grid)
    }

    /// Numbers of a patch that lie side by side: a row of its pixels.
    pub const fn run(&self) -> u64 {
        match self.layout {
            Layout::Nhwc => self.channels.saturating_mul(self.patch),
            Layout::Nchw => self.patch,
        }
    }

    /// The constants of a kernel that reads them.
    pub(super) const fn constants(&self) -> [(&'static str, u64); 5] {
        [
            ("NUMBERS", self.numbers()),
            ("GRID", self.grid),
            ("PATCH", self.patch),
            ("CHANNELS", self.channels),
            ("RUN", self.run()),
        ]
    }

    /// Where a number of a patch lies in the kernel's order of its columns: runs of pixels from the top of the patch to
    /// its bottom, channel by channel where the image is so.
    pub const fn place(&self, channel: u64, y: u64, x: u64) -> u64 {
        match self.layout {
            Layout::Nhwc => (y * self.patch + x) * self.channels + channel,
            Layout::Nchw => (channel * self.patch + y) * self.patch + x,
        }
    }

    /// The arguments that tell how far rows, channels and images are apart, in numbers.
    pub const fn strides(&self) -> &'static [&'static str] {
        match self.layout {
            Layout::Nhwc => &["image_stride", "row_stride"],
            Layout::Nchw => &["image_stride", "channel_stride", "row_stride"],
        }
    }

    /// The buffer of images.
    pub(super) fn argument(&self) -> Argument {
        let size = Extent::Size;
        let side = size(self.grid.saturating_mul(self.patch));
        let [rest @ .., last] = match self.layout {
            Layout::Nhwc => [side, side, size(self.channels)],
            Layout::Nchw => [size(self.channels), side, side],
        };
        let dtype = match self.pixels {
            Pixels::Uint8 => Dtype::U8,
            Pixels::Bf16 => Dtype::Bf16,
            Pixels::Fp16 => Dtype::Fp16,
        };
        let image = Argument::new("image", dtype, [Extent::IMAGES, rest[0], rest[1], last], Access::Read);
        // Two bytes are read at once where a run has an even number of them.
        let alignment = dtype.bytes().max(if self.run().is_multiple_of(2) { 2 } else { 1 });
        let strides = self.strides().iter().map(|&name| name.to_owned()).collect();
        Argument { strides, alignment: Some(alignment), ..image }
    }
}
