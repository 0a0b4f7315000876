/** Watching descriptors and reading exit statuses. Knows no jobs. */
@NullMarked
package io.ffrtmp.governance.linux.observe;

import org.jspecify.annotations.NullMarked;
