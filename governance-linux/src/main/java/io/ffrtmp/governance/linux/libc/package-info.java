/**
 * The C library and the system calls, as this module needs them; the only package that sees JNA.
 */
@NullMarked
package io.ffrtmp.governance.linux.libc;

import org.jspecify.annotations.NullMarked;
