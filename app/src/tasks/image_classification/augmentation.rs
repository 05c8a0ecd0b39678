//! What augmentation makes of some training images, where it is on: drawn anew for other settings, and when asked for.

use hone_core::config::RunConfig;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::thumbnails::spread;
use crate::browser::PickedFile;
use crate::components::{Button, picture};
use crate::format;
use crate::state::Store;

/// Training images that are shown, and how often each.
const NUM_IMAGES: usize = 4;
const TIMES: usize = 2;

/// The settings that change an image before it is trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Augmentation {
    horizontal_flip: bool,
    random_resized_crop: f64,
    color_jitter: f64,
    rotation: f64,
    mixup_alpha: f64,
}

impl Augmentation {
    fn of(run: &RunConfig) -> Self {
        let &RunConfig { horizontal_flip, random_resized_crop, color_jitter, rotation, mixup_alpha, .. } = run;
        Self { horizontal_flip, random_resized_crop, color_jitter, rotation, mixup_alpha }
    }

    /// An image by itself is changed.
    fn changes_images(self) -> bool {
        let Self { horizontal_flip, random_resized_crop, color_jitter, rotation, .. } = self;
        horizontal_flip || random_resized_crop < 1.0 || color_jitter > 0.0 || rotation > 0.0
    }

    /// What the pictures do not show.
    fn unseen(self) -> Option<&'static str> {
        (self.mixup_alpha > 0.0).then_some("Mixup, which blends two images of a batch and their labels, is not shown.")
    }
}

/// Places of the images that are shown among so many, each several times.
fn places(num_train: usize) -> Vec<usize> {
    spread(NUM_IMAGES, num_train).flat_map(|place| std::iter::repeat_n(place, TIMES)).collect()
}

/// The panel; nothing where no image is changed, or none was read.
pub(in crate::tasks) fn preview(store: Store) -> AnyView {
    let settings = Memo::new(move |_| {
        let of_run = store.resolved.with(|run| run.as_ref().ok().map(Augmentation::of))?;
        let num_train = store.data.report.with(|report| report.as_ref().map(|report| report.num_encoded[0]))?;
        let has_model = store.model.info.with(Option::is_some);
        let is_on = of_run.changes_images() || of_run.mixup_alpha > 0.0;
        (has_model && num_train > 0 && is_on).then_some((of_run, num_train))
    });
    let panel = move || settings.get().map(|(settings, num_train)| panel(store, settings, num_train));
    view! { {panel} }.into_any()
}

fn panel(store: Store, settings: Augmentation, num_train: usize) -> AnyView {
    let drawn: RwSignal<Vec<Option<PickedFile>>, LocalStorage> = RwSignal::new_local(Vec::new());
    let problem: RwSignal<Option<String>> = RwSignal::new(None);
    let seed = RwSignal::new(0_u64);
    let draw = move || {
        if !settings.changes_images() {
            return;
        }
        let seed = seed.get_untracked();
        spawn_local(async move {
            match store.augmented_images(places(num_train), seed).await {
                Ok(images) => {
                    let _ = drawn.try_set(images);
                    let _ = problem.try_set(None);
                }
                Err(error) => {
                    let text = format!("{}. {}", format::sentence(&error.message), format::sentence(&error.hint));
                    let _ = problem.try_set(Some(text));
                }
            }
        });
    };
    draw();
    let on_again = Callback::new(move |()| {
        seed.update(|seed| *seed = seed.wrapping_add(places(num_train).len() as u64));
        draw();
    });
    let one = |(place, file): (usize, &Option<PickedFile>)| {
        let alt = format!("Training image {}, version {}", place / TIMES + 1, place % TIMES + 1);
        let shown = file.as_ref().and_then(|file| picture(file, alt));
        view! { <li class="thumbnail"><span class="frame">{shown}</span></li> }.into_any()
    };
    let images = move || drawn.with(|drawn| drawn.iter().enumerate().map(one).collect_view());
    let button = settings.changes_images().then(|| {
        view! { <div class="row"><Button id="draw-again" text="Draw again" on_press=on_again /></div> }.into_any()
    });
    view! {
        <div class="panel" data-testid="augmentation">
            <h3>"Training images as augmentation makes them"</h3>
            <ul class="thumbnails">{images}</ul>
            <p class="hint" role="status">{move || problem.get()}</p>
            <p class="hint">
                "Each time an image is trained on, it is drawn anew; what is measured is never changed. "
                {settings.unseen()}
            </p>
            {button}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_come_twice() {
        assert_eq!(places(100), [0, 0, 25, 25, 50, 50, 75, 75]);
        assert!(places(0).is_empty());
    }

    #[test]
    fn a_crop_of_the_whole_changes_nothing_and_mixup_no_image_by_itself() {
        let of = |run: &RunConfig| Augmentation::of(run);
        assert!(!of(&RunConfig::default()).changes_images());
        assert!(of(&RunConfig { random_resized_crop: 0.5, ..RunConfig::default() }).changes_images());
        let mixed = of(&RunConfig { mixup_alpha: 0.2, ..RunConfig::default() });
        assert!(!mixed.changes_images() && mixed.unseen().expect("it is said").contains("Mixup"));
    }
}
