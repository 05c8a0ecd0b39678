//! One label for an image: the page's words for it.

pub(super) mod augmentation;
mod camera;
pub(super) mod class_panel;
pub(super) mod data;
pub(super) mod evaluation;
mod recipe;
mod thumbnails;
pub(super) mod try_it;

use super::TaskPage;

/// What the page shows of this task.
pub(super) const PAGE: TaskPage = TaskPage {
    lead: "Images with a class for each: a folder a class, in a zip or as they are, or a table of file names and labels \
           beside them. They stay in this browser.",
    files: "For images: .zip with .png, .jpg, .webp, .bmp or .gif in it; of a .gif the first picture is read.",
    pasted: "",
    usable: "with a class",
    counts_bytes: false,
    reads_images: true,
    named_columns: &[
        ("name-image-column", "Column of the file names", |read| &mut read.image_column),
        ("name-label-column", "Column of the labels", |read| &mut read.label_column),
    ],
    sample: Some(recipe::SAMPLE),
    is_tried_without_rows: false,
    python,
    adapter_python,
};

fn python(_prompt: &str) -> String {
    "from transformers import pipeline
classify = pipeline(\"image-classification\", model=\"path/to/the/unzipped/folder\")
print(classify(\"path/to/an/image.png\"))"
        .into()
}

fn adapter_python(num_labels: usize, _prompt: &str) -> [String; 3] {
    [
        "AutoModelForImageClassification".into(),
        // PEFT's files do not say how many labels a classifier has, and the model may have others.
        format!(", num_labels={num_labels}, ignore_mismatched_sizes=True"),
        "from PIL import Image, ImageOps
image = ImageOps.exif_transpose(Image.open(\"path/to/an/image.png\")).convert(\"RGB\")
inputs = processor(image, return_tensors=\"pt\")
print(model(**inputs).logits.softmax(-1))"
            .into(),
    ]
}
