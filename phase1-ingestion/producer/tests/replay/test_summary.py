"""What the command says at its end of labels that were not sent."""

from fraud_producer.commands.replay import labels_left_out
from fraud_producer.events import EPOCH, to_us


def test_labels_after_the_last_payment_are_named() -> None:
    said = labels_left_out(1200, None)
    assert said == "1,200 labels become known after the file's last payment and were not sent"


def test_labels_after_rows_that_were_kept_back_are_told_from_when_on() -> None:
    assert labels_left_out(3, to_us(EPOCH)).startswith("3 labels become known from 1970-01-01T00:00:00.000000Z on")
