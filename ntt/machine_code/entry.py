"""What a kernel's machine code needs to be called without Numba: an entry that Python can call.

Numba compiles a kernel to a function of numbers and of the parts of arrays. The entry is a C
function that reads these from Python objects, as its argument types say, and calls the kernel
without the interpreter's lock. Everything that Numba decides, such as the order of the parts, is
asked of Numba here, so this module is needed when machine code is made and not when it is loaded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

from ntt.machine_code.loading import ENTRY, OWN
from ntt.machine_code.shared_calls import can_be_shared, share_call
from ntt.machine_code.sharing import SHARING

RESHAPE = "numba_attempt_nocopy_reshape"
"""Numba's C function for the strides of another shape, which entries bring along."""

REFUSAL = "No matching definition for these arguments"
"""What the `TypeError` says for arguments of other types than the entry's."""

FAILURE = "a kernel failed"
"""What the `SystemError` says."""

SHARED_ARGUMENTS = 4
"""How many arguments more a call has that is shared: the address of a board, the numbers of helpers
and of parts, the bytes between the scratch memory of two threads.
"""

_INT = ir.IntType(32)
_SIZE = ir.IntType(64)
_BYTE = ir.IntType(8)
_OBJECT = _BYTE.as_pointer()
_NOTHING = ir.Constant(_OBJECT, None)
# CPython's objects: a count of references, then the type. NumPy's array and its type of element.
_TYPE = 8
_DATA, _AXES, _SHAPE, _STRIDES, _ELEMENT, _FLAGS = 16, 24, 32, 40, 56, 64
_BYTE_ORDER, _NUMBER = 26, 28
_CONTIGUOUS, _WRITABLE = 0x1, 0x400
_FOREIGN_ORDER = ord(">")

_ITEMS = 24
"""Where the items of a tuple begin."""

_RESHAPE_OF_CONTIGUOUS = f"""
define i32 @{RESHAPE}(i64 %axes, ptr %shape, ptr %strides, i64 %new_axes, ptr %new_shape,
                      ptr %new_strides, i64 %itemsize, i32 %fortran) {{
start:
  br label %check
check:
  %k = phi i64 [ %axes, %start ], [ %before, %next ]
  %step = phi i64 [ %itemsize, %start ], [ %step_before, %next ]
  %checked = icmp eq i64 %k, 0
  br i1 %checked, label %fill, label %axis
axis:
  %before = sub i64 %k, 1
  %length_place = getelementptr i64, ptr %shape, i64 %before
  %length = load i64, ptr %length_place
  %stride_place = getelementptr i64, ptr %strides, i64 %before
  %stride = load i64, ptr %stride_place
  %fits = icmp eq i64 %stride, %step
  %single = icmp eq i64 %length, 1
  %right = or i1 %fits, %single
  br i1 %right, label %next, label %refuse
next:
  %step_before = mul i64 %step, %length
  br label %check
fill:
  %j = phi i64 [ %new_axes, %check ], [ %new_before, %put ]
  %new_step = phi i64 [ %itemsize, %check ], [ %new_step_before, %put ]
  %filled = icmp eq i64 %j, 0
  br i1 %filled, label %done, label %put
put:
  %new_before = sub i64 %j, 1
  %new_stride_place = getelementptr i64, ptr %new_strides, i64 %new_before
  store i64 %new_step, ptr %new_stride_place
  %new_length_place = getelementptr i64, ptr %new_shape, i64 %new_before
  %new_length = load i64, ptr %new_length_place
  %new_step_before = mul i64 %new_step, %new_length
  br label %fill
done:
  ret i32 1
refuse:
  ret i32 0
}}
"""
"""1 and the new strides (in bytes) of an array in C order, or 0 for another array."""


class UnknownTypeError(TypeError):
    """A kernel takes or returns a type that entries do not know."""


def entry_object(compiled: Any, strict: bool) -> bytes:
    """The object code of the entry of a kernel that Numba has compiled (a `CompileResult`).

    The entry is a C function for METH_FASTCALL, whose ``self`` is the tuple `OWN`. With
    `SHARED_ARGUMENTS` more arguments it shares a call among threads, if the kernel can be shared.
    Arrays are taken as Numba takes them: of the same element type and number of axes, contiguous
    and writable where the type says so, aligned or not. strict: whether an integer must be of the
    argument's type, a Python int counting as int64; otherwise any integer that fits is taken. Other
    arguments raise `TypeError`, or `OverflowError` for an integer that does not fit. Raises
    `UnknownTypeError`.
    """
    context, kernel = compiled.target_context, compiled.fndesc
    module = ir.Module(ENTRY)
    module.triple = binding.get_process_triple()
    machine = _target_machine()
    module.data_layout = str(machine.target_data)
    function = ir.Function(
        module, ir.FunctionType(_OBJECT, [_OBJECT, _OBJECT.as_pointer(), _SIZE]), ENTRY
    )
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    writer = _Writer(context, builder, strict)
    own, given, count = function.args
    writer.own = own
    needed = len(kernel.argtypes)
    is_plain, is_right = builder.icmp_signed("==", count, _SIZE(needed)), None
    shares = can_be_shared(kernel)
    if shares:
        is_shared = builder.icmp_signed("==", count, _SIZE(needed + SHARED_ARGUMENTS))
        is_right = builder.or_(is_plain, is_shared)
    writer.require(is_plain if is_right is None else is_right)
    values = [
        writer.read(writer.item(given, place), numba_type)
        for place, numba_type in enumerate(kernel.argtypes)
    ]
    native = ir.Function(
        module,
        context.call_conv.get_function_type(kernel.restype, kernel.argtypes),
        kernel.llvm_func_name,
    )
    if shares:
        with builder.if_then(builder.not_(is_plain)):
            board, *sharing = [
                writer.read(writer.item(given, needed + place), types.int64)
                for place in range(SHARED_ARGUMENTS)
            ]
            with writer.released():
                failed = share_call(context, builder, kernel, native, values, board, sharing)
            writer.require(builder.not_(failed), SystemError, FAILURE)
            builder.ret(writer.boxed(failed, types.none))
    with writer.released():
        status, result = context.call_conv.call_function(
            builder, native, kernel.restype, kernel.argtypes, values
        )
    writer.require(status.is_ok, SystemError, FAILURE)
    builder.ret(writer.boxed(result, kernel.restype))
    parsed = binding.parse_assembly(str(module))
    parsed.link_in(binding.parse_assembly(_RESHAPE_OF_CONTIGUOUS))
    if shares:
        parsed.link_in(binding.parse_assembly(SHARING))
    parsed.verify()
    code: bytes = machine.emit_object(parsed)
    return code


def _target_machine() -> Any:
    """As Numba's own, for any CPU of the kind."""
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(opt=2, reloc="static", codemodel="jitdefault", jit=True)


class _Writer:
    """Writes the code that reads arguments and makes results."""

    own: ir.Value

    def __init__(self, context: Any, builder: ir.IRBuilder, strict: bool) -> None:
        self._context = context
        self._builder = builder
        self._strict = strict

    def item(self, given: ir.Value, place: int) -> ir.Value:
        """The object of one argument."""
        return self._builder.load(self._builder.gep(given, [_SIZE(place)]))

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Around code that runs without the interpreter's lock."""
        state = self._builder.call(self.external("PyEval_SaveThread", _OBJECT), [])
        yield
        restore = self.external("PyEval_RestoreThread", ir.VoidType(), _OBJECT)
        self._builder.call(restore, [state])

    def read(self, obj: ir.Value, numba_type: Any) -> ir.Value:
        """The value of one argument, as Numba holds a value of `numba_type`."""
        if isinstance(numba_type, types.Array):
            return self._read_array(obj, numba_type)
        if isinstance(numba_type, types.BaseTuple):
            return self._read_tuple(obj, numba_type)
        if isinstance(numba_type, types.Integer) and numba_type.bitwidth == 64:
            return self._read_integer(obj, numba_type)
        if numba_type == types.float64:
            return self._read_float(obj)
        raise UnknownTypeError(f"no entry reads {numba_type}")

    def boxed(self, value: ir.Value, numba_type: Any) -> ir.Value:
        """A new object of what a kernel returned, the same as Numba makes."""
        builder = self._builder
        if numba_type == types.none:
            none = self._own(None)
            builder.call(self.external("Py_IncRef", ir.VoidType(), _OBJECT), [none])
            return none
        if numba_type == types.boolean:
            number = builder.zext(value, _SIZE)
            return builder.call(self.external("PyBool_FromLong", _OBJECT, _SIZE), [number])
        if numba_type == types.float64:
            make = self.external("PyFloat_FromDouble", _OBJECT, ir.DoubleType())
            return builder.call(make, [value])
        if isinstance(numba_type, types.Integer) and numba_type.bitwidth == 64:
            name = "PyLong_FromLongLong" if numba_type.signed else "PyLong_FromUnsignedLongLong"
            return builder.call(self.external(name, _OBJECT, _SIZE), [value])
        if type(numba_type) in (types.Tuple, types.UniTuple):
            return self._boxed_tuple(value, numba_type)
        raise UnknownTypeError(f"no entry returns {numba_type}")

    def require(self, held: ir.Value, error: type = TypeError, message: str = REFUSAL) -> None:
        """Code that ends the entry with an error unless `held`."""
        with self._builder.if_then(self._builder.not_(held), likely=False):
            self._raise(error, message)

    def external(self, name: str, result: ir.Type, *arguments: ir.Type) -> ir.Function:
        """A C function of the interpreter."""
        module = self._builder.module
        if name not in module.globals:
            return ir.Function(module, ir.FunctionType(result, arguments), name)
        return module.globals[name]

    def _read_array(self, obj: ir.Value, numba_type: Any) -> ir.Value:
        builder = self._builder
        self.require(self._is_a(obj, np.ndarray))
        axes = numba_type.ndim
        element = self._field(obj, _ELEMENT, _OBJECT)
        number, order = (
            self._field(element, _NUMBER, _INT),
            self._field(element, _BYTE_ORDER, _BYTE),
        )
        self.require(
            self._all(
                builder.icmp_signed("==", self._field(obj, _AXES, _INT), _INT(axes)),
                self._any(
                    *(
                        builder.icmp_signed("==", number, _INT(n))
                        for n in _numbers(numba_type.dtype)
                    )
                ),
                builder.icmp_signed("!=", order, _BYTE(_FOREIGN_ORDER)),
            )
        )
        needed = _WRITABLE if numba_type.mutable else 0
        needed |= _CONTIGUOUS if numba_type.layout == "C" else 0
        flags = builder.and_(self._field(obj, _FLAGS, _INT), _INT(needed))
        self.require(builder.icmp_signed("==", flags, _INT(needed)))
        array = cgutils.create_struct_proxy(numba_type)(self._context, builder)
        lengths = self._numbers(self._field(obj, _SHAPE, _SIZE.as_pointer()), axes)
        total = _SIZE(1)
        for length in lengths:
            total = builder.mul(total, length)
        array.meminfo = ir.Constant(array.meminfo.type, None)
        array.parent = ir.Constant(array.parent.type, None)
        array.nitems = total
        array.itemsize = _SIZE(numba_type.dtype.bitwidth // 8)
        array.data = builder.bitcast(self._field(obj, _DATA, _OBJECT), array.data.type)
        array.shape = cgutils.pack_array(builder, lengths)
        strides = self._numbers(self._field(obj, _STRIDES, _SIZE.as_pointer()), axes)
        array.strides = cgutils.pack_array(builder, strides)
        return array._getvalue()

    def _read_tuple(self, obj: ir.Value, numba_type: Any) -> ir.Value:
        builder = self._builder
        self.require(self._is_a(obj, tuple))
        size = builder.call(self.external("PyTuple_Size", _SIZE, _OBJECT), [obj])
        self.require(builder.icmp_signed("==", size, _SIZE(len(numba_type))))
        item = self.external("PyTuple_GetItem", _OBJECT, _OBJECT, _SIZE)
        values = [
            self.read(builder.call(item, [obj, _SIZE(place)]), member)
            for place, member in enumerate(numba_type)
        ]
        return self._context.make_tuple(builder, numba_type, values)

    def _read_integer(self, obj: ir.Value, numba_type: Any) -> ir.Value:
        builder = self._builder
        if self._strict:
            right = self._is_a(obj, np.int64 if numba_type.signed else np.uint64)
            if numba_type.signed:
                right = self._any(right, self._is_a(obj, int))
            self.require(right)
        index = builder.call(self.external("PyNumber_Index", _OBJECT, _OBJECT), [obj])
        self._pass_error(builder.icmp_unsigned("==", index, _NOTHING))
        name = "PyLong_AsLongLong" if numba_type.signed else "PyLong_AsUnsignedLongLong"
        value = builder.call(self.external(name, _SIZE, _OBJECT), [index])
        builder.call(self.external("Py_DecRef", ir.VoidType(), _OBJECT), [index])
        self._pass_error(builder.icmp_signed("==", value, _SIZE(-1)), may_be_value=True)
        return value

    def _read_float(self, obj: ir.Value) -> ir.Value:
        builder = self._builder
        if self._strict:
            self.require(self._is_a(obj, float))
        read = self.external("PyFloat_AsDouble", ir.DoubleType(), _OBJECT)
        value = builder.call(read, [obj])
        suspect = builder.fcmp_ordered("==", value, ir.DoubleType()(-1.0))
        self._pass_error(suspect, may_be_value=True)
        return value

    def _boxed_tuple(self, value: ir.Value, numba_type: Any) -> ir.Value:
        builder = self._builder
        make = self.external("PyTuple_New", _OBJECT, _SIZE)
        made = builder.call(make, [_SIZE(len(numba_type))])
        self._pass_error(builder.icmp_unsigned("==", made, _NOTHING))
        put = self.external("PyTuple_SetItem", _INT, _OBJECT, _SIZE, _OBJECT)
        for place, member in enumerate(numba_type):
            item = self.boxed(builder.extract_value(value, place), member)
            builder.call(put, [made, _SIZE(place), item])
        return made

    def _is_a(self, obj: ir.Value, kind: type) -> ir.Value:
        subtype = self.external("PyType_IsSubtype", _INT, _OBJECT, _OBJECT)
        own_type = self._field(obj, _TYPE, _OBJECT)
        found = self._builder.call(subtype, [own_type, self._own(kind)])
        return self._builder.icmp_signed("!=", found, _INT(0))

    def _own(self, item: object) -> ir.Value:
        return self._field(self.own, _ITEMS + 8 * OWN.index(item), _OBJECT)

    def _field(self, obj: ir.Value, offset: int, kind: ir.Type) -> ir.Value:
        builder = self._builder
        place = builder.gep(obj, [_SIZE(offset)])
        return builder.load(builder.bitcast(place, kind.as_pointer()))

    def _numbers(self, start: ir.Value, count: int) -> list[ir.Value]:
        builder = self._builder
        return [builder.load(builder.gep(start, [_SIZE(place)])) for place in range(count)]

    def _pass_error(self, suspect: ir.Value, *, may_be_value: bool = False) -> None:
        """Code that ends the entry, with the interpreter's error, if `suspect`.

        may_be_value: whether the interpreter is asked first, since a good value looks the same.
        """
        builder = self._builder
        with builder.if_then(suspect, likely=False):
            if may_be_value:
                error = builder.call(self.external("PyErr_Occurred", _OBJECT), [])
                with builder.if_then(builder.icmp_unsigned("!=", error, _NOTHING)):
                    builder.ret(_NOTHING)
            else:
                builder.ret(_NOTHING)

    def _raise(self, error: type, message: str) -> None:
        builder, module = self._builder, self._builder.module
        text = bytearray(message.encode() + b"\0")
        constant = ir.Constant(ir.ArrayType(_BYTE, len(text)), text)
        stored = ir.GlobalVariable(module, constant.type, module.get_unique_name("message"))
        stored.linkage, stored.global_constant, stored.initializer = "private", True, constant
        set_string = self.external("PyErr_SetString", ir.VoidType(), _OBJECT, _OBJECT)
        builder.call(set_string, [self._own(error), builder.bitcast(stored, _OBJECT)])
        builder.ret(_NOTHING)

    def _all(self, *conditions: ir.Value) -> ir.Value:
        return _joined(self._builder.and_, conditions)

    def _any(self, *conditions: ir.Value) -> ir.Value:
        return _joined(self._builder.or_, conditions)


def _joined(join: Callable[..., ir.Value], conditions: Sequence[ir.Value]) -> ir.Value:
    first, *others = conditions
    for condition in others:
        first = join(first, condition)
    return first


def _numbers(dtype: Any) -> list[int]:
    """NumPy's numbers of an element type: C has two names for one width."""
    wanted = np.dtype(str(dtype))
    found = [np.dtype(code).num for code in np.typecodes["All"] if np.dtype(code) == wanted]
    if not found:
        raise UnknownTypeError(f"no entry reads arrays of {dtype}")
    return sorted(set(found))
