// The formulas of ed25519.cpp: programs of a small machine, which cost a device less than
// calls would: an operation in the field takes two bytes.
#pragma once

#include "firmware/src/ed25519.hpp"

namespace mallorn::firmware::formulas {

// A point is X Y Z T with x = X / Z, y = Y / Z, T = X Y / Z. One to be added is kept as
// Y - X, Y + X, 2 d T, 2 Z, or as any multiple of these.
enum Operand : uint8_t {
  kX,  // of the point that is being computed
  kY,
  kZ,
  kT,
  kA,  // what is between
  kB,
  kKey,              // four: -A, to be added
  kBase = kKey + 4,  // four: the base point, to be added
  // Of a power, in the place of -A, which is not there yet or no more:
  kElement = kKey,
  kBefore,
  kKept,
  kValue,
  // Before the ladder, in the place of the base point:
  kOne = kBase,
  kD,
  kRootOfMinusOne,
};
constexpr uint8_t kBaseOne = kBase + 3;  // in the ladder
static_assert(kBaseOne + 1 == sizeof Ed25519::registers / sizeof(Element), "all registers");

// The base point, to be added: half of 2 d T and of the others, so that the last one is 1;
// d; a root of -1.
inline constexpr Element kConstants[] = {
    {0x489f, 0xeba0, 0x1c82, 0xce88, 0x5f59, 0xe8a0, 0xcf82, 0xfe9c, 0xc504, 0x3447, 0xc21a,
     0xd2e0, 0x0933, 0x4c7c, 0x97c9, 0x227e},
    {0x1db9, 0x7ac6, 0x49e3, 0x97de, 0x070c, 0x7dc6, 0x96e3, 0x67c9, 0xa161, 0x321e, 0xa44c,
     0x9385, 0x5d32, 0x19ea, 0xce9d, 0x43e7},
    {0x5534, 0xc3bd, 0x8902, 0x55e4, 0x624f, 0xe655, 0xf411, 0x136c, 0xacc6, 0xeea1, 0xbee5,
     0x2d0d, 0x32d4, 0x4f86, 0xbdb4, 0x3788},
    {1},
    {0x78a3, 0x1359, 0x4dca, 0x75eb, 0xd8ab, 0x4141, 0x0a4d, 0x0070, 0xe898, 0x7779, 0x4079,
     0x8cc7, 0xfe73, 0x2b6f, 0x6cee, 0x5203},
    {0xa0b0, 0x4a0e, 0x1b27, 0xc4ee, 0xe478, 0xad2f, 0x1806, 0x2f43, 0xd7a7, 0x3dfb, 0x0099,
     0x2b4d, 0xdf0b, 0x4fc1, 0x2480, 0x2b83},
};
constexpr unsigned kConstantsOfLadder = 0;    // four of them
constexpr unsigned kConstantsOfDecoding = 3;  // the last three
constexpr unsigned kOneOfAll = 3;

// An operation: what, where to, and two operands; of a power of two how many squarings. Of
// the point to be added, the second operand is counted from where that is.
enum What : uint8_t { kAddition, kSubtraction, kProduct, kSquarings };
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
constexpr uint16_t kStop = add(kX, kX, kX);  // which no formula needs

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
    multiply_by_point(kT, kT, 2),  // C
    multiply_by_point(kZ, kZ, 3),  // D
    subtract(kX, kB, kA),          // E
    add(kB, kB, kA),               // H
    subtract(kA, kZ, kT),          // F
    add(kY, kZ, kT),               // G
    multiply(kT, kX, kB),
    multiply(kZ, kA, kY),
    multiply(kY, kY, kB),
    multiply(kX, kX, kA),
    kStop,
    // kIdentity, in the ladder
    subtract(kX, kX, kX),
    copy(kT, kX),
    copy(kY, kBaseOne),
    copy(kZ, kBaseOne),
    kStop,
    // kDecompress: u = y^2 - 1 in Z, v = d y^2 + 1 in T; x is a root of u / v (RFC 8032,
    // 5.1.3). The power is of u v^7; u v^3 is kept in X.
    square(kA, kY, 1),
    subtract(kZ, kA, kOne),
    multiply(kA, kA, kD),
    add(kT, kA, kOne),
    square(kA, kT, 1),
    multiply(kX, kA, kT),
    multiply(kX, kX, kZ),
    square(kA, kA, 1),
    multiply(kElement, kX, kA),
    copy(kValue, kElement),
    // kPower, three steps: the element ^ (2^252 - 3), by way of 2^n - 1 for growing n
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
    // kRoot: x = u v^3 (u v^7)^(2^252 - 3), perhaps times the root of -1. B: v x^2 - u
    multiply(kX, kX, kValue),
    square(kA, kX, 1),
    multiply(kA, kA, kT),
    subtract(kB, kA, kZ),
    kStop,
    // kOtherRoot. B: v x^2 + u
    add(kB, kA, kZ),
    multiply(kX, kX, kRootOfMinusOne),
    kStop,
    // kNegate, where B is 0, and then:
    subtract(kX, kB, kX),
    // kTakeKey: with x, -A is known, and is to be added
    copy(kZ, kOne),
    multiply(kT, kX, kY),
    subtract(kKey, kY, kX),
    add(kKey + 1, kY, kX),
    multiply(kKey + 2, kT, kD),
    add(kKey + 2, kKey + 2, kKey + 2),
    add(kKey + 3, kZ, kZ),
    kStop,
    // kInvert: the power is of Z
    copy(kElement, kZ),
    copy(kValue, kZ),
    kStop,
    // kDivide: by Z. 1 / Z = Z^(p - 2), and p - 2 = 8 (2^252 - 3) + 3
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
  kDecompress = kIdentity + 5,
  kPower = kDecompress + 10,
  kRoot = kPower + 30,
  kOtherRoot = kRoot + 5,
  kNegate = kOtherRoot + 3,
  kTakeKey = kNegate + 1,
  kInvert = kTakeKey + 8,
  kDivide = kInvert + 3,
  kProgramEnd = kDivide + 7,
};
static_assert(kProgramEnd == sizeof kOperations / sizeof kOperations[0], "all");

}  // namespace mallorn::firmware::formulas
