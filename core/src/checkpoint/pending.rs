//! Tensors that a file gets and that still lie on the device. In: tensors of a module, an optimizer or the host, of which a file may
//! have the transpose. Out: their values, several small ones in one transfer, a large one in several, so that no copy of it lies in
//! memory.

use std::cell::RefCell;
use std::rc::Rc;

use burn::tensor::{FloatDType, Tensor, Transaction};

use super::{CheckpointError, HostTensor};
use crate::plan::FILE_PIECE_BYTES;

/// Bytes of a number.
pub(super) const F32: usize = size_of::<f32>();

/// Bytes that are read from the device in one transfer, and of a piece of a file, at most; of a matrix whose rows are longer a row. In a
/// browser three of these are in memory at once while a file is written, and memory there is never given back.
pub(super) const PIECE_BYTES: usize = FILE_PIECE_BYTES as usize;

/// Puts a tensor, of any rank, among those that are read next.
type Register = Box<dyn FnOnce(Transaction) -> Transaction>;

/// A tensor that is written into a file, once it was read from the device.
pub(crate) struct PendingTensor {
    /// As the file has it.
    pub(super) shape: Vec<usize>,
    /// What the file has of it, one after the other: rows of a large one, shards of a table.
    pub(super) parts: Vec<PendingPart>,
}

/// A tensor of a module, or of the optimizer, or some rows of one.
pub(super) struct PendingPart {
    held: Held,
    pub(super) num_values: usize,
    /// Rows and columns of a matrix whose transpose the file has.
    turned: Option<[usize; 2]>,
}

enum Held {
    OnDevice(Register),
    OnHost(Vec<f32>),
}

impl PendingPart {
    /// A tensor on a device, whose transpose the file may have: as a whole, or, where it is larger than a piece, some rows of the file
    /// at a time. Nothing is computed before they are read.
    pub(super) fn cut<const D: usize>(tensor: Tensor<D>, is_turned: bool) -> Vec<Self> {
        Self::cut_from(tensor.dims(), is_turned, Rc::new(move |_: bool| tensor.clone()))
    }

    /// As [`Self::cut`], of a matrix that is made when its first part is read, and goes with its last.
    fn cut_made(dims: [usize; 2], is_turned: bool, make: impl FnOnce() -> Tensor<2> + 'static) -> Vec<Self> {
        let (make, made) = (RefCell::new(Some(make)), RefCell::new(None));
        let source = move |is_last: bool| {
            let tensor = made.take().unwrap_or_else(|| make.take().expect("its parts are read one after the other")());
            if !is_last {
                made.replace(Some(tensor.clone()));
            }
            tensor
        };
        Self::cut_from(dims, is_turned, Rc::new(source))
    }

    /// Parts of what `source` gives for each of them; it is told which is the last.
    fn cut_from<const D: usize>(dims: [usize; D], is_turned: bool, source: Rc<dyn Fn(bool) -> Tensor<D>>) -> Vec<Self> {
        // A row of the file is a column of what is turned.
        let axis = usize::from(is_turned);
        let (count, num_values) = (dims[axis], dims.iter().product::<usize>());
        if num_values == 0 {
            return Vec::new(); // there is nothing to read of it
        }
        let values_a_row = num_values / count;
        let rows_at_once = (PIECE_BYTES / F32 / values_a_row).max(1);
        let part = |start: usize| {
            let (source, rows) = (Rc::clone(&source), rows_at_once.min(count - start));
            let register = Box::new(move |transaction: Transaction| {
                let whole = source(start + rows == count);
                let read = if rows == count { whole } else { whole.narrow(axis, start, rows) };
                transaction.register(read.cast(FloatDType::F32))
            }) as Register;
            let turned = is_turned.then_some([values_a_row, rows]);
            Self { held: Held::OnDevice(register), num_values: rows * values_a_row, turned }
        };
        (0..count).step_by(rows_at_once).map(part).collect()
    }
}

impl PendingTensor {
    /// A vector on a device.
    pub(crate) fn of_vector(tensor: Tensor<1>) -> Self {
        Self { shape: tensor.dims().to_vec(), parts: PendingPart::cut(tensor, false) }
    }

    /// A matrix in the place of this one, made when it is read.
    pub(super) fn replaced_by(self, make: impl FnOnce() -> Tensor<2> + 'static) -> Self {
        let is_turned = self.parts.iter().any(|part| part.turned.is_some());
        let mut dims = [self.shape[0], self.shape[1]];
        if is_turned {
            dims.reverse();
        }
        Self { parts: PendingPart::cut_made(dims, is_turned, make), ..self }
    }

    /// One that was read.
    pub(super) fn of_host(HostTensor { shape, values }: HostTensor) -> Self {
        let num_values = values.len();
        Self { shape, parts: vec![PendingPart { held: Held::OnHost(values), num_values, turned: None }] }
    }

    pub(super) fn num_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.num_values * F32).sum()
    }
}

/// Reads tensors in one transfer: the values of each, as the file has them.
///
/// # Errors
/// When the device fails.
pub(super) async fn read_parts(parts: impl IntoIterator<Item = PendingPart>) -> Result<Vec<Vec<f32>>, CheckpointError> {
    let mut transaction = Transaction::default();
    let mut found = Vec::new();
    let mut is_on_device = false;
    for PendingPart { held, turned, .. } in parts {
        let values = match held {
            Held::OnHost(values) => Some(values),
            Held::OnDevice(register) => {
                is_on_device = true;
                transaction = register(transaction);
                None
            }
        };
        found.push((values, turned));
    }
    let mut data = match is_on_device {
        true => transaction.execute_async().await.map_err(CheckpointError::Device)?.into_iter(),
        false => Vec::new().into_iter(),
    };
    let values = found.into_iter().map(|(values, turned)| {
        let values = values.unwrap_or_else(|| {
            let data = data.next().expect("there is one for each that was registered");
            data.try_into_vec::<f32>().expect("they are cast to f32 before they are read")
        });
        match turned {
            Some([rows, columns]) => transpose(&values, rows, columns),
            None => values,
        }
    });
    Ok(values.collect())
}

/// The transpose of a matrix, in tiles that a cache holds.
pub(super) fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 32;
    let mut turned = vec![0f32; values.len()];
    for row_tile in (0..rows).step_by(TILE) {
        for column_tile in (0..columns).step_by(TILE) {
            for row in row_tile..(row_tile + TILE).min(rows) {
                for column in column_tile..(column_tile + TILE).min(columns) {
                    turned[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    turned
}
