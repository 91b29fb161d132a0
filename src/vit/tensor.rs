//! Parameter tensors by their shapes.

/// The parameter tensors of a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Tensors(Vec<Tensor>);

/// Parameters of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tensor {
    size: u128,
    /// The last two dimensions; none of a vector.
    matrix: Option<(u128, u128)>,
    copies: u128,
}

impl Tensors {
    /// Adds `copies` of one shape; those without numbers are none.
    pub(super) fn add(&mut self, dims: &[u64], copies: u64) {
        if copies > 0 && dims.iter().all(|&dim| dim > 0) {
            let matrix = match *dims {
                [.., rows, columns] => Some((rows.into(), columns.into())),
                _ => None,
            };
            let size = dims.iter().copied().map(u128::from).product();
            self.0.push(Tensor { size, matrix, copies: copies.into() });
        }
    }

    /// Second moments that Adafactor keeps: of rows and columns over the last two dimensions, or all of a vector.
    pub(super) fn factored(&self) -> u128 {
        let of_one = |tensor: &Tensor| match tensor.matrix {
            Some((rows, columns)) => tensor.size / columns + tensor.size / rows,
            None => tensor.size,
        };
        self.0.iter().map(|tensor| tensor.copies * of_one(tensor)).sum()
    }

    /// All numbers.
    #[cfg(test)]
    pub(super) fn numbers(&self) -> u128 {
        self.0.iter().map(|tensor| tensor.copies * tensor.size).sum()
    }
}
