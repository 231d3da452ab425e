"""What a person may do to checkpoints by hand."""

import logging

from fraud_stream import object_store
from fraud_stream.broker import Broker
from fraud_stream.checkpoint_identity import read_checkpoint
from fraud_stream.checkpoint_restore import Position, broken_streams, position_of, restore
from fraud_stream.lease import Lease
from fraud_stream.lost_messages import Lost, lost_messages, skip
from fraud_stream.quarantine_audit import AuditLog
from fraud_stream.session import end_session, start_session
from fraud_stream.settings import RestoreSettings, StartOverSettings
from fraud_stream.streams import Layout, Stream

log = logging.getLogger(__name__)


def restore_checkpoints(settings: RestoreSettings, why: str) -> list[tuple[Stream, Position]]:
    """Write every lost or damaged checkpoint anew; ``why`` goes to the audit log.

    Raises:
        CheckpointError: the tables do not say where a stream is to go on; nothing was changed.
        LeaseError: the Bronze writer runs.
    """
    layout = Layout(settings.s3_bucket, settings.namespace)
    broker = Broker(settings.kafka_bootstrap_servers)
    s3 = object_store.connect(settings)
    lease = Lease(s3, settings.s3_bucket, layout.lease_key)
    lease.acquire()
    try:
        lease.keep(log.critical)
        spark = start_session(settings)
        try:
            broken = broken_streams(s3, spark, layout)
            found = [(stream, position_of(spark, layout, stream, broker.offsets(stream.topic))) for stream in broken]
            for stream, position in found:
                wanted = {"checkpoint": stream.checkpoint_path, "batch": position.batch}
                AuditLog(settings.audit_log, why, wanted).write("restore-checkpoint", (), ends=dict(position.ends))
                lease.check()
                restore(s3, stream, position)
        finally:
            end_session(spark)
    finally:
        lease.release()
    return found


def skip_lost_messages(settings: StartOverSettings, why: str) -> list[Lost]:
    """Let every checkpoint go on after messages that left their topic unread; ``why`` goes to the audit log.

    Returns:
        What was lost.

    Raises:
        CheckpointError: a checkpoint is damaged.
        LeaseError: the Bronze writer runs.
    """
    layout = Layout(settings.s3_bucket, settings.namespace)
    broker, s3 = Broker(settings.kafka_bootstrap_servers), object_store.connect(settings)
    lease = Lease(s3, settings.s3_bucket, layout.lease_key)
    lease.acquire()
    skipped = []
    try:
        for stream in layout.streams:
            checkpoint = read_checkpoint(s3, settings.s3_bucket, stream.checkpoint_key)
            lost = lost_messages(s3, stream, checkpoint, broker.offsets(stream.topic))
            if lost:
                places = [str(one) for one in lost]
                AuditLog(settings.audit_log, why, {"namespace": layout.namespace}).write("skip-lost", (), lost=places)
                skip(s3, stream, checkpoint, lost)
            skipped += lost
    finally:
        lease.release()
    return skipped
