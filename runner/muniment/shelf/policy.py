"""What to tell AWS about the bucket: who may do what, and what goes when. Pure.

Each policy is what one role of the ledger needs, found by watching which requests it sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from muniment.settings import Settings

__all__ = ["ROLES", "iam_policy", "lifecycle_rules"]

# The roles of the ledger that touch the shelf.
ROLES = ("app", "reader", "maintainer")

# Nothing here uploads in parts, but whoever restores a backup may, and be cut off.
ABORT_UPLOADS_DAYS = 7
# A sweep or a put over a damaged object leaves the earlier version, in a bucket that has them.
EARLIER_VERSIONS_DAYS = 90


def iam_policy(settings: Settings, role: str) -> dict[str, Any]:
    """Return the least that a role needs, as an IAM policy.

    ``app`` stores and fetches; it can neither list nor delete, nor, where the bucket keeps
    versions, undo what was stored. ``reader`` fetches and checks. ``maintainer`` sweeps.

    Args:
        settings: Which bucket, and how it is protected.
        role: One of :data:`ROLES`.
    """
    arn = f"arn:aws:s3:::{settings.bucket}"
    actions = {
        "app": ["s3:GetObject", "s3:PutObject"],
        "reader": ["s3:GetObject"],
        "maintainer": ["s3:DeleteObject", "s3:GetObject"],
    }[role]
    if role == "app" and settings.object_lock_mode is not None:
        actions.append("s3:PutObjectRetention")
    statements: list[dict[str, Any]] = [
        {
            "Sid": "Objects",
            "Effect": "Allow",
            "Action": sorted(actions),
            "Resource": f"{arn}/{settings.prefix}agents/*",
        }
    ]
    if role != "app":
        statements.append(
            {
                "Sid": "List",
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": arn,
                "Condition": {"StringLike": {"s3:prefix": f"{settings.prefix}agents/*"}},
            }
        )
    if settings.encryption == "aws:kms":
        statements.append(
            {
                "Sid": "Keys",
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"]
                if role == "app"
                else "kms:Decrypt",
                "Resource": _key_arn(settings),
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}


def lifecycle_rules(settings: Settings) -> dict[str, Any]:
    """Return the lifecycle of the bucket, as PutBucketLifecycleConfiguration takes it.

    Objects expire only when the settings say after how many days; then the rows that name them must
    have left before.

    Args:
        settings: Which bucket, and what the retention is.
    """
    where = {"Prefix": f"{settings.prefix}agents/"}
    versions = max(EARLIER_VERSIONS_DAYS, settings.object_lock_days or 0)
    rules: list[dict[str, Any]] = [
        {
            "ID": "muniment-leftovers",
            "Status": "Enabled",
            "Filter": where,
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_UPLOADS_DAYS},
            "NoncurrentVersionExpiration": {"NoncurrentDays": versions},
        }
    ]
    if settings.retention_days is not None:
        rules.append(
            {
                "ID": "muniment-retention",
                "Status": "Enabled",
                "Filter": where,
                "Expiration": {"Days": settings.retention_days},
            }
        )
    return {"Rules": rules}


def _key_arn(settings: Settings) -> str:
    key = settings.kms_key_id
    if key is None:
        return "arn:aws:kms:*:*:alias/aws/s3"
    if key.startswith("arn:"):
        return key
    name = key if key.startswith("alias/") else f"key/{key}"
    return f"arn:aws:kms:{settings.region or '*'}:*:{name}"
