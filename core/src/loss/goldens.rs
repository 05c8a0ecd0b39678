//! Cases of `tests/fixtures/techniques.json`, which `tests/python/make_technique_goldens.py` writes: what PyTorch gives for
//! techniques of training. For tests.

use serde_json::Value;

pub(crate) fn golden(name: &str) -> Vec<Value> {
    let bytes = include_bytes!("../../../tests/fixtures/techniques.json");
    let all: Value = serde_json::from_slice(bytes).expect("it is JSON");
    all[name].as_array().expect("it has such cases").clone()
}

pub(crate) fn number(case: &Value, name: &str) -> f64 {
    case[name].as_f64().expect("it is a number")
}

pub(crate) fn numbers(case: &Value, name: &str) -> Vec<f32> {
    numbers_of(&case[name])
}

pub(crate) fn numbers_of(values: &Value) -> Vec<f32> {
    let values = values.as_array().expect("they are numbers");
    values.iter().map(|value| value.as_f64().expect("it is a number") as f32).collect()
}
