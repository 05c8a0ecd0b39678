//! Tensors that a file gets and that still lie on the device. In: tensors of a module, an optimizer or the host, of which a file may
//! have the transpose. Out: their values, several in one transfer.

use burn::tensor::{FloatDType, Tensor, Transaction};

use super::{CheckpointError, HostTensor};

/// Bytes of a number.
pub(super) const F32: usize = size_of::<f32>();

/// Puts a tensor, of any rank, among those that are read next.
type Register = Box<dyn FnOnce(Transaction) -> Transaction>;

/// A tensor that is written into a file, once it was read from the device.
pub(crate) struct PendingTensor {
    /// As the file has it.
    pub(super) shape: Vec<usize>,
    /// Shards of a table one after the other; one of any other tensor.
    pub(super) parts: Vec<PendingPart>,
}

/// A tensor of a module, or of the optimizer.
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
    /// Of a tensor on a device, whose transpose the file may have.
    pub(super) fn new<const D: usize>(tensor: Tensor<D>, is_turned: bool) -> Self {
        let shape = tensor.dims();
        let turned = is_turned.then(|| [shape[0], shape[1]]);
        let register =
            Box::new(move |transaction: Transaction| transaction.register(tensor.cast(FloatDType::F32))) as Register;
        Self { held: Held::OnDevice(register), num_values: shape.iter().product(), turned }
    }
}

impl PendingTensor {
    /// A vector on a device.
    pub(crate) fn of_vector(tensor: Tensor<1>) -> Self {
        Self { shape: tensor.dims().to_vec(), parts: vec![PendingPart::new(tensor, false)] }
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
