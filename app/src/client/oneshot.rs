//! One value, handed over once, within one thread: how a reply reaches the code that waits for it.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

struct Slot<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

/// Waits for the value.
pub(super) struct Receiver<T>(Rc<RefCell<Slot<T>>>);

/// A receiver, and the function that fills it.
pub(super) fn oneshot<T: 'static>() -> (impl FnOnce(T) + 'static, Receiver<T>) {
    let slot = Rc::new(RefCell::new(Slot { value: None, waker: None }));
    let filled = Rc::clone(&slot);
    let fill = move |value| {
        let waker = {
            let mut slot = filled.borrow_mut();
            slot.value = Some(value);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    };
    (fill, Receiver(slot))
}

impl<T> Future for Receiver<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.0.borrow_mut();
        match slot.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_arrives_once() {
        let (fill, receiver) = oneshot();
        let mut receiver = std::pin::pin!(receiver);
        let mut context = Context::from_waker(Waker::noop());
        assert!(receiver.as_mut().poll(&mut context).is_pending());
        fill(7);
        assert_eq!(receiver.as_mut().poll(&mut context), Poll::Ready(7));
    }
}
