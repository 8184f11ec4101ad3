"""The objects of one device: where a path leads, and how a registration lists them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modemsim.lwm2m.model import ObjectInstance, ObjectModel, Path, Resource

SECURITY = 0
"""The object that holds keys: no server ever sees it (OMA LwM2M 1.0, appendix E.1)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a path leads to: an object, one instance, or one resource of it."""

    path: Path
    model: ObjectModel
    instances: tuple[ObjectInstance, ...]
    resource: Resource | None = None


class ObjectTree:
    """All object instances of a device."""

    def __init__(self, *instances: ObjectInstance) -> None:
        self._objects: dict[int, dict[int, ObjectInstance]] = {}
        for instance in instances:
            self.add(instance)

    def add(self, instance: ObjectInstance) -> None:
        """Put an instance in; raises ValueError for a second one of an id or of a single-instance object."""
        siblings = self._objects.setdefault(instance.model.id, {})
        if instance.id in siblings:
            raise ValueError(f"/{instance.model.id}/{instance.id} exists already")
        if siblings and not instance.model.multiple:
            raise ValueError(f"object {instance.model.id} has one instance only")
        siblings[instance.id] = instance

    def __iter__(self) -> Iterator[ObjectInstance]:
        for _, siblings in sorted(self._objects.items()):
            for _, instance in sorted(siblings.items()):
                yield instance

    def instance(self, object_id: int, instance_id: int) -> ObjectInstance:
        """One instance; raises KeyError when there is none."""
        return self._objects[object_id][instance_id]

    def find(self, path: Path) -> Target:
        """What exists at a path of one to three ids; raises LookupError when nothing does."""
        if not 1 <= len(path) <= 3:
            raise LookupError(f"{path} names no object, instance or resource")
        siblings = self._objects[path[0]]
        if len(path) == 1:
            instances = tuple(instance for _, instance in sorted(siblings.items()))
            return Target(path, instances[0].model, instances)
        instance = siblings[path[1]]
        resource = None
        if len(path) == 3:
            resource = next((r for r in instance.resources() if r.id == path[2]), None)
            if resource is None:
                raise LookupError(f"/{path[0]}/{path[1]} has no resource {path[2]}")
        return Target(path, instance.model, (instance,), resource)

    def registration_links(self, order: Sequence[str] = ()) -> str:
        """The objects and instances of a registration, `</1/0>,</3/0>`.

        Without `order` every instance by ascending id, without object 0. With `order` ("1/0", "2", "3/0")
        exactly those in that order, also objects without an instance: modules list what their maker chose.
        """
        listed = order or [f"{oid}/{iid}" for oid, iid in (i.path for i in self) if oid != SECURITY]
        return ",".join(f"</{entry}>" for entry in listed)
