// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The one-shot flag "tryboot" of the Raspberry Pi firmware.
 *
 * /sys/kernel/sigmavault_tryboot/flag: write 1, and the next restart takes the
 * section [tryboot] of autoboot.txt; write 0 to withdraw that. Reading gives
 * what this kernel has last set. The firmware clears the flag when it starts
 * the machine, and forgets it without power.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/sysfs.h>
#include <soc/bcm2835/raspberrypi-firmware.h>

/* Flags for the restart, of which bit 0 is tryboot; not in the kernel's list of tags. */
#define TAG_SET_REBOOT_FLAGS 0x00038064

static bool emulate;
module_param(emulate, bool, 0400);
MODULE_PARM_DESC(emulate, "only remember the flag, on machines without the firmware");

static struct kobject *folder;
static DEFINE_MUTEX(lock);
static u32 last;

static int tell_firmware(u32 flags)
{
	struct device_node *node = rpi_firmware_find_node();
	struct rpi_firmware *firmware;
	int err;

	if (!node)
		return -ENODEV;
	firmware = rpi_firmware_get(node);
	of_node_put(node);
	/* Its driver is bound later, or was unbound. */
	if (!firmware)
		return -EAGAIN;
	err = rpi_firmware_property(firmware, TAG_SET_REBOOT_FLAGS, &flags, sizeof(flags));
	rpi_firmware_put(firmware);
	return err;
}

static ssize_t flag_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(last));
}

static ssize_t flag_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	bool flag;
	int err = kstrtobool(buf, &flag);

	if (err)
		return err;
	mutex_lock(&lock);
	if (!emulate)
		err = tell_firmware(flag);
	if (!err) {
		WRITE_ONCE(last, flag);
		pr_notice("flag %u\n", last);
	}
	mutex_unlock(&lock);
	return err ?: count;
}

static struct kobj_attribute flag_attribute = __ATTR(flag, 0600, flag_show, flag_store);

static int __init tryboot_init(void)
{
	struct device_node *node = rpi_firmware_find_node();
	int err;

	of_node_put(node);
	if (!node && !emulate)
		return -ENODEV;
	folder = kobject_create_and_add(KBUILD_MODNAME, kernel_kobj);
	if (!folder)
		return -ENOMEM;
	err = sysfs_create_file(folder, &flag_attribute.attr);
	if (err)
		kobject_put(folder);
	return err;
}

static void __exit tryboot_exit(void)
{
	kobject_put(folder);
}

module_init(tryboot_init);
module_exit(tryboot_exit);

MODULE_DESCRIPTION("One-shot flag tryboot of the Raspberry Pi firmware");
MODULE_AUTHOR("SigmaVault NAS OS authors");
MODULE_LICENSE("Dual MIT/GPL");
