/**
 * The benchmark: what governing costs, against the same system calls made from C and against other
 * libraries. {@code docs/performance.md} says how to run it and what each row means.
 */
package io.ffrtmp.governance.examples.bench;
