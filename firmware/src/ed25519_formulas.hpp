// The formulas of ed25519.cpp: programs of a small machine, which cost a device less than
// calls would: an operation in the field takes two bytes.
#pragma once

#include "firmware/src/ed25519_field.hpp"

namespace mallorn::firmware::formulas {

// A point is X Y Z T with x = X / Z, y = Y / Z, T = X Y / Z. One to be added is kept as
// Y - X, Y + X, -2 d T, 2 Z, or as any multiple of these.
enum Operand : uint8_t {
  kX,  // of the point that is being computed
  kY,
  kZ,
  kT,
  kA,  // what is between
  kB,
  kPoint,  // four: a point that has been decoded, to be added; in the ladder -A
  kBasePoint = kPoint + 4,  // four: the base point, to be added
  // Of a power, where nothing else is then:
  kElement = kZ,
  kBefore = kA,
  kKept = kPoint,
  kValue,
  // While a point is decoded:
  kOne,
  kM,
  // In no formula: p itself.
  kPrime = kBasePoint + 4,
};
constexpr unsigned kRegisters = kPrime + 1;

// d is -(m - 1) / m: of a curve whose equation is multiplied by m, all constants are short.
constexpr uint32_t kMValue = 121666;

// An operation: what, where to, and two operands; of a power of two how many squarings. Of
// the point to be added, the second operand is counted from where that is.
// A sum's sign is what it is, less one.
enum What : uint8_t { kSubtraction, kProduct, kAddition, kSquarings };
constexpr uint16_t kOfPoint = 1u << 9;
constexpr uint16_t operation(What what, unsigned out, unsigned a, unsigned b) {
  return static_cast<uint16_t>(what << 14 | out << 10 | a << 5 | b);
}
constexpr uint16_t add(unsigned out, unsigned a, unsigned b) {
  return operation(kAddition, out, a, b);
}
constexpr uint16_t subtract(unsigned out, unsigned a, unsigned b) {
  return operation(kSubtraction, out, a, b);
}
constexpr uint16_t multiply(unsigned out, unsigned a, unsigned b) {
  return operation(kProduct, out, a, b);
}
constexpr uint16_t multiply_by_point(unsigned out, unsigned a, unsigned part) {
  return multiply(out, a, part) | kOfPoint;
}
constexpr uint16_t square(unsigned out, unsigned a, unsigned times) {
  return operation(kSquarings, out, a, times);
}
constexpr uint16_t copy(unsigned out, unsigned a) { return square(out, a, 0); }
constexpr uint16_t kStop = subtract(kX, kX, kX);  // which no formula has

// Programs follow each other here, and each goes on to the next kStop.
inline constexpr uint16_t kOperations[] = {
    // kDouble: the point = 2 the point (dbl of RFC 8032, 5.1.4)
    add(kT, kX, kY),
    square(kA, kX, 1),
    square(kB, kY, 1),
    square(kZ, kZ, 1),
    square(kT, kT, 1),
    add(kY, kA, kB),       // H
    subtract(kX, kY, kT),  // E
    subtract(kB, kA, kB),  // G
    add(kA, kZ, kZ),       // C
    add(kA, kA, kB),       // F
    multiply(kZ, kA, kB),
    multiply(kT, kX, kY),
    multiply(kY, kB, kY),
    multiply(kX, kX, kA),
    kStop,
    // kAdd: the point += the one to be added
    subtract(kA, kY, kX),
    add(kB, kY, kX),
    multiply_by_point(kA, kA, 0),
    multiply_by_point(kB, kB, 1),
    multiply_by_point(kT, kT, 2),  // -C
    multiply_by_point(kZ, kZ, 3),  // D
    subtract(kX, kB, kA),          // E
    add(kB, kB, kA),               // H
    add(kA, kZ, kT),               // F
    subtract(kY, kZ, kT),          // G
    multiply(kT, kX, kB),
    multiply(kZ, kA, kY),
    multiply(kY, kY, kB),
    multiply(kX, kX, kA),
    kStop,
    // kIdentity, before the ladder: with any Y = Z, and without T, which doubling does not
    // read
    subtract(kX, kY, kY),
    copy(kY, kZ),
    kStop,
    // kDecompress: u = m (y^2 - 1) in B, v = m (d y^2 + 1) in T. With a = u / v and
    // b = (2 a)^(2^252 - 3), a root of a is a b (2 a b^2 - 1): this way, Atkin's, needs no
    // root of -1. Without a division, with the power P of 2 u v^7: b = v^4 P, so that
    // 2 a b^2 = 2 u v^7 P^2, and a b = u v^3 P. X is u v^3 at first.
    square(kA, kY, 1),
    subtract(kB, kA, kOne),
    multiply(kB, kB, kM),
    subtract(kT, kA, kB),
    square(kA, kT, 1),
    multiply(kX, kA, kT),
    multiply(kX, kX, kB),
    square(kA, kA, 1),
    multiply(kElement, kX, kA),
    add(kElement, kElement, kElement),
    // kPower, three steps: the element ^ (2^252 - 3), by way of 2^n - 1 for growing n
    copy(kValue, kElement),
    square(kBefore, kValue, 1),
    multiply(kValue, kBefore, kValue),  // n = 2
    square(kBefore, kValue, 2),
    multiply(kValue, kBefore, kValue),  // 4
    square(kValue, kValue, 1),
    multiply(kValue, kValue, kElement),  // 5
    square(kBefore, kValue, 5),
    multiply(kKept, kBefore, kValue),  // 10
    square(kBefore, kKept, 10),
    multiply(kValue, kBefore, kKept),  // 20
    square(kBefore, kValue, 20),
    multiply(kValue, kBefore, kValue),  // 40
    square(kValue, kValue, 10),
    multiply(kKept, kValue, kKept),  // 50
    kStop,
    square(kBefore, kKept, 25),
    square(kBefore, kBefore, 25),
    multiply(kValue, kBefore, kKept),  // 100
    square(kBefore, kValue, 25),
    square(kBefore, kBefore, 25),
    square(kBefore, kBefore, 25),
    square(kBefore, kBefore, 25),
    multiply(kValue, kBefore, kValue),  // 200
    kStop,
    square(kValue, kValue, 25),
    square(kValue, kValue, 25),
    multiply(kValue, kValue, kKept),  // 250
    square(kValue, kValue, 2),
    multiply(kValue, kValue, kElement),
    kStop,
    // kRoot: x. T: v x^2 - u
    square(kA, kValue, 1),
    multiply(kA, kA, kElement),
    subtract(kA, kA, kOne),
    multiply(kX, kX, kValue),
    multiply(kX, kX, kA),
    square(kA, kX, 1),
    multiply(kA, kA, kT),
    subtract(kT, kA, kB),
    kStop,
    // kNegate, where T is 0, and then:
    subtract(kX, kT, kX),
    // kTake: the point as one to be added; Z becomes m, and T is left out
    multiply(kT, kX, kY),
    multiply(kA, kT, kM),
    subtract(kA, kA, kT),
    multiply(kX, kX, kM),
    multiply(kY, kY, kM),
    copy(kZ, kM),
    subtract(kPoint, kY, kX),
    add(kPoint + 1, kY, kX),
    add(kPoint + 2, kA, kA),
    add(kPoint + 3, kZ, kZ),
    kStop,
    // kDivide: by Z, after a power of it. 1 / Z = Z^(p - 2), and p - 2 = 8 (2^252 - 3) + 3
    square(kValue, kValue, 3),
    multiply(kValue, kValue, kElement),
    multiply(kValue, kValue, kElement),
    multiply(kValue, kValue, kElement),
    multiply(kX, kX, kValue),
    multiply(kY, kY, kValue),
    kStop,
};

// Where they begin.
enum Program : uint8_t {
  kDouble = 0,
  kAdd = kDouble + 15,
  kIdentity = kAdd + 15,
  kDecompress = kIdentity + 3,
  kPower = kDecompress + 10,
  kPowerEnd = kPower + 31,
  kRoot = kPowerEnd,
  kNegate = kRoot + 9,
  kTake = kNegate + 1,
  kDivide = kTake + 11,
  kProgramEnd = kDivide + 7,
};
static_assert(kProgramEnd == sizeof kOperations / sizeof kOperations[0], "all");

}  // namespace mallorn::firmware::formulas
