/**
 * For the unit tests of those who use a {@link io.ffrtmp.governance.Governor}: one that runs
 * nothing, and results of any kind. Needs neither Linux nor a test framework.
 */
@NullMarked
package io.ffrtmp.governance.testing;

import org.jspecify.annotations.NullMarked;
